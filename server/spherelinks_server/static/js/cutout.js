// The cut-out of a picture: shown over the dimmed picture, mended with a brush or a box, and given as a mask.
import {announce, ask} from "./tools.js";

const SIDE = 1024, STEPS = 12, STRIDE = 12;

/** The editor in that element. ``body()`` gives the form data that send the picture. */
export function editor(root, body) {
  const canvas = root.querySelector("canvas");
  const said = root.querySelector("[data-cutout-said]");
  const size = root.querySelector("[data-brush-size]");
  let picture = null, mask = null, edited = false, held = null, past = [], cursor = null, corner = null, turn = 0, painting = false;

  const tool = () => root.querySelector("[data-tool]:checked").value;
  const brush = () => Number(size.value) * Math.max(canvas.width, canvas.height) / 100;

  function draw() {
    if (!picture) return;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.globalAlpha = .2;
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    context.globalAlpha = 1;
    if (mask) {
      const kept = layer(canvas.width, canvas.height);
      const inside = kept.getContext("2d");
      inside.drawImage(mask, 0, 0);
      inside.globalCompositeOperation = "source-in";
      inside.drawImage(picture, 0, 0, canvas.width, canvas.height);
      context.drawImage(kept, 0, 0);
    }
    if (!cursor) return;
    const ring = getComputedStyle(canvas).getPropertyValue("--accent");
    for (const [colour, width] of [["#fff", 5], [ring, 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      if (tool() === "box") {
        const from = corner ?? {x: cursor.x - STRIDE, y: cursor.y - STRIDE};
        context.rect(from.x, from.y, cursor.x - from.x, cursor.y - from.y);
      } else context.arc(cursor.x, cursor.y, brush() / 2, 0, 7);
      context.stroke();
    }
  }

  function remember() {
    past.push(mask.getContext("2d").getImageData(0, 0, mask.width, mask.height));
    if (past.length > STEPS) past.shift();
    edited = true;
  }

  function paint(from, to) {
    const context = mask.getContext("2d");
    context.globalCompositeOperation = tool() === "remove" ? "destination-out" : "source-over";
    context.lineCap = "round";
    context.lineWidth = brush();
    context.strokeStyle = "#fff";
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x + .01, to.y);
    context.stroke();
  }

  /** Asks the server for the matte, of the whole picture or in a box; what it cannot find is left to the brush. */
  async function find(box = null) {
    const mine = ++turn;
    root.setAttribute("aria-busy", "true");
    say(box ? "Looking in the box …" : "Cutting out the object …");
    const form = body();
    if (box) form.set("box", box.join());
    try {
      const found = await ask("/app/playground/cutout", {method: "POST", body: form});
      if (!found.mask) throw new Error(found.notes.join(" "));
      const image = await loaded(found.mask);
      if (mine !== turn) return;
      if (box) remember();
      mask = alphaOf(image, canvas.width, canvas.height);
      edited = Boolean(box);
      say(["What is dimmed is left out. Is it right?", ...found.notes].join(" "));
    } catch (error) {
      if (mine !== turn) return;
      mask ??= layer(canvas.width, canvas.height);
      say(`${error.message} You can paint the object, or draw a box round it.`);
    }
    root.removeAttribute("aria-busy");
    draw();
  }

  function say(text) {
    said.textContent = text;
    announce(text);
  }

  function box(from, to) {
    const [left, right] = [from.x, to.x].sort((a, b) => a - b).map(x => Math.min(Math.max(x / canvas.width, 0), 1));
    const [top, bottom] = [from.y, to.y].sort((a, b) => a - b).map(y => Math.min(Math.max(y / canvas.height, 0), 1));
    return find([left, top, right, bottom]);
  }

  // --- pointer and keys

  const at = event => {
    const place = canvas.getBoundingClientRect();
    return {x: (event.clientX - place.left) * canvas.width / place.width, y: (event.clientY - place.top) * canvas.height / place.height};
  };
  canvas.addEventListener("pointerdown", event => {
    if (!mask) return;
    canvas.setPointerCapture(event.pointerId);
    cursor = at(event);
    if (tool() === "box") corner = cursor;
    else {
      remember();
      paint(cursor, cursor);
    }
    painting = true;
    draw();
  });
  canvas.addEventListener("pointermove", event => {
    const to = at(event);
    if (painting && tool() !== "box") paint(cursor, to);
    cursor = to;
    draw();
  });
  canvas.addEventListener("pointerup", event => {
    if (painting && corner) box(corner, at(event));
    painting = false;
    corner = null;
    draw();
  });
  canvas.addEventListener("pointerleave", () => { if (!painting) { cursor = null; draw(); } });
  canvas.addEventListener("keydown", event => {
    const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
    if (!mask) return;
    if (event.key in moves) {
      const from = cursor ?? {x: canvas.width / 2, y: canvas.height / 2}, [x, y] = moves[event.key];
      const stride = event.shiftKey ? 4 * STRIDE : STRIDE;
      cursor = {x: from.x + x * stride, y: from.y + y * stride};
    } else if (event.key === " ") {
      cursor ??= {x: canvas.width / 2, y: canvas.height / 2};
      if (tool() !== "box") {
        remember();
        paint(cursor, cursor);
      } else if (corner) {
        box(corner, cursor);
        corner = null;
      } else corner = cursor;
    } else return;
    event.preventDefault();
    draw();
  });
  root.querySelector("[data-undo]").addEventListener("click", () => {
    const before = past.pop();
    if (!before) return;
    mask.getContext("2d").putImageData(before, 0, 0);
    draw();
  });
  root.querySelector("[data-afresh]").addEventListener("click", () => { past = []; find(); });

  return {
    /** Looks again, by another matte, unless the cut-out was mended. */
    afresh() {
      if (picture && !edited && !held) find();
    },
    /** Shows the picture, with what was mended of it before, else with the matte that it would get. */
    async show(file, kept) {
      const mine = ++turn;
      // at once: whoever asks for the mask meanwhile must not get that of the picture before
      [mask, edited, held, past, cursor, corner] = [null, false, kept ?? null, [], null, null];
      const bitmap = await createImageBitmap(file);
      if (mine !== turn) return;
      picture = bitmap;
      const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
      canvas.width = Math.max(1, Math.round(picture.width * scale));
      canvas.height = Math.max(1, Math.round(picture.height * scale));
      root.hidden = false;
      draw();
      if (!kept) return find();
      mask = alphaOf(kept, canvas.width, canvas.height);
      [edited, held] = [true, null];
      say("What is dimmed is left out. Is it right?");
      draw();
    },
    hide() {
      turn += 1;
      root.hidden = true;
    },
    /** The mask as a canvas, white where the object is, if it was mended; else null. */
    mask() {
      if (held) {
        const same = layer(held.width, held.height);
        same.getContext("2d").drawImage(held, 0, 0);
        return same;
      }
      if (!edited || !mask) return null;
      const out = layer(mask.width, mask.height), context = out.getContext("2d");
      context.fillRect(0, 0, out.width, out.height);
      context.drawImage(mask, 0, 0);
      return out;
    },
  };
}

function layer(width, height) {
  return Object.assign(document.createElement("canvas"), {width, height});
}

/** A layer that is as opaque as the image is bright. */
function alphaOf(image, width, height) {
  const out = layer(width, height), context = out.getContext("2d", {willReadFrequently: true});
  context.drawImage(image, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    pixels.data[at + 3] = pixels.data[at];
    pixels.data[at] = pixels.data[at + 1] = pixels.data[at + 2] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return out;
}

async function loaded(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}
