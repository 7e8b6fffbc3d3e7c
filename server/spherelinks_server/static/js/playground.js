// The playground: pictures by drop, paste or choice, one after the other; their other sides and cut-outs; presets; the
// models beside.
import {editor} from "./cutout.js";
import {announce, ask, part} from "./tools.js";
import {watch} from "./jobs.js";

const form = document.querySelector("[data-playground]");
const file = form.elements.picture;
const drop = form.querySelector("[data-drop]");
const output = document.querySelector("[data-output]");
const queue = form.querySelector("[data-queue]");
const KINDS = ["image/jpeg", "image/png", "image/webp"];
const APART = ["name", "dimensions"];
const MOST = 24;
const limit = Number(form.dataset.limit);

// --- the pictures: each with its file, name, cut-out and the files of its other sides

let pictures = [], current = null;
let early = {}; // sides that came before their front
const cutout = editor(form.querySelector("[data-cutout]"), () => body(current));

function complain(text) {
  const place = form.querySelector("[data-problem]");
  place.replaceChildren();
  if (!text) return;
  const box = form.querySelector("[data-fault]").content.firstElementChild.cloneNode(true);
  box.querySelector("span").textContent = text;
  place.append(box);
  box.scrollIntoView({block: "nearest"});
}

function fault(picture) {
  if (!KINDS.includes(picture.type)) return `“${picture.name}” is not a JPEG, PNG or WebP.`;
  if (picture.size > limit) return `“${picture.name}” has ${(picture.size / 1e6).toFixed(1)} MB; a picture may have ${(limit / 1e6).toFixed(0)}.`;
  return "";
}

/** Takes these files into the queue, and shows the first of them. */
function take(files) {
  const faults = files.map(fault);
  const taken = files.filter((_, at) => !faults[at]).slice(0, MOST - pictures.length);
  const over = files.length - faults.filter(Boolean).length - taken.length;
  complain([...faults.filter(Boolean), over > 0 ? `At most ${MOST} pictures wait here at a time.` : ""].filter(Boolean).join(" "));
  file.value = "";
  if (!taken.length) return;
  form.elements.address.value = "";
  const added = taken.map(one => ({file: one, name: stem(one.name), source: URL.createObjectURL(one), kept: null, sides: {}}));
  if (!current) [added[0].sides, early] = [early, {}];
  pictures.push(...added);
  choose(added[0]);
  announce(taken.length > 1 ? `${taken.length} pictures chosen` : "Picture chosen");
}

/** What a picture's file is called, as a name for what is on it. */
function stem(name) {
  return [...name.replace(/\.[^.]*$/, "").replace(/[\x00-\x1f\x7f-\x9f]/g, "").trim()].slice(0, 64).join("");
}

function leave() {
  if (!current) return;
  current.kept = cutout.mask();
  current.name = form.elements.name.value.trim() || current.name;
}

function choose(picture) {
  leave();
  current = picture;
  form.querySelector("[data-prompt]").classList.toggle("small", Boolean(picture));
  list();
  showSides();
  if (!picture) {
    form.elements.name.value = "";
    cutout.hide();
    return;
  }
  form.elements.name.value = picture.name;
  cutout.show(picture.file, picture.kept).catch(() => {
    cutout.hide(); // the server says more of what a browser cannot read
  });
}

function list() {
  queue.hidden = pictures.length < 2;
  queue.replaceChildren(...pictures.map(picture => {
    const item = document.createElement("li");
    item.innerHTML = '<button type="button" class="shown"><img alt=""></button><button type="button" class="gone">×</button>';
    const [shown, gone] = item.querySelectorAll("button");
    shown.querySelector("img").src = picture.source;
    shown.setAttribute("aria-label", picture.name || "Picture");
    shown.setAttribute("aria-pressed", String(picture === current));
    shown.addEventListener("click", () => choose(picture));
    gone.setAttribute("aria-label", `Remove ${picture.name || "the picture"}`);
    gone.addEventListener("click", () => remove(picture));
    return item;
  }));
  label();
}

function remove(picture) {
  URL.revokeObjectURL(picture.source);
  pictures = pictures.filter(one => one !== picture);
  if (picture !== current) return list();
  current = null;
  choose(pictures[0] ?? null);
}

function label() {
  const button = form.querySelector("[data-make]");
  button.disabled = false;
  button.textContent = pictures.length > 1 ? `Make ${pictures.length} models` : "Make the model";
}

// --- its other sides

const slots = [...form.querySelectorAll("[data-slot]")];
const sidesOf = picture => picture?.sides ?? early;
const areTaken = () => !form.querySelector("[data-slots]").hidden;

function showSides() {
  for (const slot of slots) {
    const [image, gone] = [slot.querySelector("img"), slot.querySelector(".gone")];
    const side = sidesOf(current)[slot.dataset.slot];
    slot.classList.toggle("filled", Boolean(side));
    image.hidden = gone.hidden = !side;
    URL.revokeObjectURL(image.src);
    if (side) image.src = URL.createObjectURL(side);
    else image.removeAttribute("src");
  }
}

/** Puts the first of these files into the slot. */
function put(slot, [side]) {
  slot.querySelector("input").value = "";
  if (!side) return;
  complain(fault(side));
  if (fault(side)) return;
  sidesOf(current)[slot.dataset.slot] = side;
  showSides();
  announce(`Picture of the ${slot.dataset.slot} chosen`);
}

for (const slot of slots) {
  const input = slot.querySelector("input");
  input.addEventListener("change", () => put(slot, [...input.files]));
  slot.querySelector(".gone").addEventListener("click", () => {
    delete sidesOf(current)[slot.dataset.slot];
    showSides();
    announce(`Picture of the ${slot.dataset.slot} removed`);
    input.focus();
  });
  if (input.files.length) put(slot, [...input.files]); // chosen before this script came
}

// --- how they come

file.addEventListener("change", () => take([...file.files]));
form.elements.namedItem("matte").addEventListener("change", () => cutout.afresh());
if (file.files.length) take([...file.files]); // chosen before this script came
// a picture dropped or pasted anywhere on the page is taken
let inside = 0;
const slotOf = element => element?.closest?.("[data-slot]") ?? null;
function mark(target) {
  for (const one of [drop, ...slots]) one.classList.toggle("over", one === target);
}
addEventListener("dragenter", () => { inside += 1; });
addEventListener("dragleave", () => { inside -= 1; if (inside <= 0) mark(null); });
addEventListener("dragover", event => { event.preventDefault(); mark(slotOf(event.target) ?? drop); });
addEventListener("drop", event => {
  inside = 0;
  mark(null);
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  receive(slotOf(event.target), [...event.dataTransfer.files]);
});

/** Takes what was dropped or pasted: in a slot as its side, elsewhere as further pictures. */
function receive(slot, files) {
  if (slot) put(slot, files);
  else take(files);
}
addEventListener("paste", event => {
  const pasted = [...event.clipboardData.files].filter(one => one.type.startsWith("image/"));
  // what browsers call a pasted picture names nothing
  if (pasted.length) receive(slotOf(document.activeElement), pasted.map(one => (/^image\.\w+$/.test(one.name) ? new File([one], "pasted", {type: one.type}) : one)));
});
addEventListener("beforeunload", event => { if (pictures.length > 1) event.preventDefault(); });

/** One of the files that the earlier model was made from; null if it is gone. */
async function sentBefore(kind) {
  const answer = await fetch(`/app/models/${form.dataset.origin}/files/${kind}`).catch(() => null);
  if (!answer?.ok) return null;
  const data = await answer.blob();
  return new File([data], kind, {type: data.type});
}

// the picture of an earlier model, with its mask and its other sides
if (form.dataset.origin) {
  const kinds = ["picture", ...("masked" in form.dataset ? ["mask"] : []), ...(form.dataset.sides?.split(" ") ?? [])];
  const sent = Object.fromEntries(await Promise.all(kinds.map(async kind => [kind, await sentBefore(kind)])));
  if (sent.picture && !pictures.length) {
    const kept = sent.mask ? await createImageBitmap(sent.mask) : null;
    const {picture, mask, ...others} = sent;
    const sides = Object.fromEntries(Object.entries(others).filter(([, side]) => side));
    pictures.push({file: picture, name: form.elements.name.value, source: URL.createObjectURL(picture), kept, sides: {...sides, ...early}});
    choose(pictures[0]);
  }
}

// --- options

const options = [...form.querySelectorAll("[data-option]")];
// no preset sets these
const isApart = input => APART.includes(input.name.split(".")[0]);

function tell(input) {
  const output = input.closest(".slider")?.querySelector("output");
  if (output) output.textContent = input.value;
}

// hide the options that the chosen generator ignores
function show() {
  for (const field of form.querySelectorAll("[data-heeded-by]")) {
    field.hidden = !field.dataset.heededBy.split(" ").includes(form.elements.generator.value);
  }
}
show();

for (const radio of form.querySelectorAll("[data-options]")) {
  radio.addEventListener("change", () => {
    const chosen = JSON.parse(radio.dataset.options);
    for (const input of options) {
      if (input.closest("[data-heeded-by]") && input.name.includes(".")) continue; // a generator's own
      if (input.type === "checkbox") input.checked = Boolean(chosen[input.name]);
      if (!("default" in input.dataset) || isApart(input)) continue;
      const value = chosen[input.name] ?? input.dataset.default;
      input.value = Array.isArray(value) ? value.join(", ") : value;
      tell(input);
    }
    show();
  });
}
for (const input of options) {
  input.addEventListener("input", () => {
    tell(input);
    show();
    if (!isApart(input)) form.querySelector("[data-custom]").checked = true;
  });
}

// --- making

/** The form's fields for that picture, without its other sides; null is a URL's. */
function body(picture) {
  const fields = new FormData(form);
  fields.delete("picture");
  for (const slot of slots) fields.delete(slot.dataset.slot);
  if (picture) {
    fields.set("picture", picture.file, picture.file.name);
    fields.set("name", picture === current ? form.elements.name.value : picture.name);
  }
  return fields;
}

const blob = canvas => new Promise(resolve => canvas.toBlob(resolve, "image/png"));

async function send(picture) {
  const fields = body(picture);
  const mask = picture === current ? cutout.mask() : picture?.kept;
  for (const [view, side] of Object.entries(areTaken() ? sidesOf(picture) : {})) fields.set(view, side, side.name);
  if (mask) fields.set("mask", mask instanceof HTMLCanvasElement ? await blob(mask) : mask, "mask.png");
  return ask(form.action, {method: "POST", body: fields});
}

/** Shows the model in front, the others as cards; the address keeps them all for a reload. */
async function display(jobId) {
  const address = new URL(location);
  const jobs = [jobId, ...(address.searchParams.get("jobs") ?? "").split(",").filter(one => one && one !== jobId)].slice(0, MOST);
  address.search = `?jobs=${jobs.join(",")}`;
  history.replaceState(null, "", address);
  const [front, ...others] = await Promise.all(jobs.map((id, at) => part(`/app/models/${id}/${at ? "card" : "panel?short"}`).catch(() => null)));
  const cards = document.createElement("ul");
  cards.className = "gallery made";
  cards.setAttribute("aria-label", "Made before");
  cards.append(...others.filter(Boolean));
  output.replaceChildren(front ?? "", ...(cards.children.length ? [cards] : []));
  watch();
}

form.addEventListener("submit", async event => {
  event.preventDefault();
  if (!pictures.length && !form.elements.address.value && !form.elements.from) {
    complain("Choose a picture first: drop, paste or choose one.");
    file.focus();
    return;
  }
  const button = form.querySelector("[data-make]");
  button.disabled = true;
  complain("");
  leave();
  const waiting = pictures.length ? [...pictures] : [null];
  const problems = [];
  for (const [at, picture] of waiting.entries()) {
    button.textContent = waiting.length > 1 ? `Sending ${at + 1} of ${waiting.length} …` : "Sending the picture …";
    try {
      const {jobId, earlier} = await send(picture);
      if (earlier) announce("This is the earlier model.");
      if (picture && waiting.length > 1) remove(picture);
      button.disabled = true;
      await display(jobId);
    } catch (error) {
      problems.push(waiting.length > 1 ? `${picture.name}: ${error.message}` : error.message);
    }
  }
  complain(problems.join(" "));
  output.scrollIntoView({block: "nearest"});
  label();
});
