// The playground: a picture by drop, paste or choice, presets that set the options, and the model beside the form.
import {announce, ask, part} from "./tools.js";
import {watch} from "./jobs.js";

const form = document.querySelector("[data-playground]");
const file = form.elements.picture;
const drop = form.querySelector("[data-drop]");
const preview = form.querySelector("[data-preview]");
const output = document.querySelector("[data-output]");
const KINDS = ["image/jpeg", "image/png", "image/webp"];
const APART = ["name", "dimensions"];
let named = "";
const limit = Number(form.dataset.limit);

// --- the picture

function complain(text) {
  const place = form.querySelector("[data-problem]");
  place.replaceChildren();
  if (!text) return;
  const box = document.createElement("div");
  box.className = "notice bad";
  box.setAttribute("role", "alert");
  box.textContent = text;
  place.append(box);
  box.scrollIntoView({block: "nearest"});
}

function take(picture) {
  if (!KINDS.includes(picture.type)) return refuse(`“${picture.name}” is not a JPEG, PNG or WebP.`);
  if (picture.size > limit) return refuse(`“${picture.name}” has ${(picture.size / 1e6).toFixed(1)} MB; a picture may have ${(limit / 1e6).toFixed(0)}.`);
  complain("");
  if (file.files[0] !== picture) {
    const transfer = new DataTransfer();
    transfer.items.add(picture);
    file.files = transfer.files;
  }
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(picture);
  preview.hidden = false;
  form.querySelector("[data-prompt]").hidden = true;
  form.querySelector("[data-chosen]").textContent = `${picture.name}, ${(picture.size / 1e6).toFixed(2)} MB. Choose again to change it.`;
  form.elements.address.value = "";
  if ([named, ""].includes(form.elements.name.value)) form.elements.name.value = named = stem(picture.name);
  announce("Picture chosen");
}

/** What a picture's file is called, as a name for what is on it. */
function stem(name) {
  return [...name.replace(/\.[^.]*$/, "").replace(/[\x00-\x1f\x7f-\x9f]/g, "").trim()].slice(0, 64).join("");
}

function refuse(text) {
  file.value = "";
  complain(text);
}

file.addEventListener("change", () => { if (file.files[0]) take(file.files[0]); });
for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, () => drop.classList.add("over"));
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
addEventListener("paste", event => {
  const picture = [...event.clipboardData.files].find(one => one.type.startsWith("image/"));
  if (picture) take(picture);
});

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

form.addEventListener("submit", async event => {
  event.preventDefault();
  if (!file.files.length && !form.elements.address.value && !form.elements.from) {
    complain("Choose a picture first: drop, paste or choose one.");
    file.focus();
    return;
  }
  const button = form.querySelector("[data-make]");
  button.disabled = true;
  button.textContent = "Sending the picture …";
  complain("");
  try {
    const {jobId} = await ask(form.action, {method: "POST", body: new FormData(form)});
    output.replaceChildren(await part(`/app/models/${jobId}/panel?short`));
    output.scrollIntoView({block: "nearest"});
    watch();
  } catch (error) {
    complain(error.message);
  } finally {
    button.disabled = false;
    button.textContent = "Make the model";
  }
});
