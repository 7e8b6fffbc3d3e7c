// The 3D viewer's buttons, and automatic rotation unless reduced motion is preferred.
import {ModelViewerElement} from "../vendor/model-viewer.min.js";
import {announce} from "./tools.js";
import {changed, offered, read, wireframe} from "./views.js";

ModelViewerElement.meshoptDecoderLocation = new URL("meshopt.js", import.meta.url).href;

const PATIENCE_MS = 2500; // the good side is seen before it turns
const files = new WeakMap(); // by viewer: its GLB

const calm = matchMedia("(prefers-reduced-motion: reduce)");

function prepare(viewer) {
  if (viewer.dataset.ready) return;
  viewer.dataset.ready = "yes";
  if ("sway" in viewer.dataset && !calm.matches) sway(viewer);
  if ("turns" in viewer.dataset) turn(viewer, !calm.matches);
  const choice = viewer.closest("[data-stage-box]")?.querySelector("[data-view]");
  if (choice) viewer.addEventListener("load", () => offer(viewer, choice).catch(() => {}), {once: true});
}

async function offer(viewer, choice) {
  const file = read(await (await fetch(viewer.src)).arrayBuffer());
  files.set(viewer, file);
  choice.replaceChildren(...Object.entries(offered(file)).map(([view, words]) => new Option(words, view)));
  choice.hidden = false;
}

/** Shows another view from the same side. */
function look(viewer, view) {
  const [theta, phi] = String(viewer.getCameraOrbit()).split(" ");
  const reach = viewer.getAttribute("camera-orbit").split(" ")[2];
  viewer.addEventListener("load", () => {
    URL.revokeObjectURL(viewer.src);
    viewer.cameraOrbit = `${theta} ${phi} ${reach}`;
    wireframe(viewer, view === "wireframe");
    viewer.dataset.shown = view;
    announce("Shown");
  }, {once: true});
  viewer.src = URL.createObjectURL(changed(files.get(viewer), view));
}

document.addEventListener("change", event => {
  const viewer = event.target.matches("[data-view]") && event.target.closest("[data-stage-box]").querySelector("model-viewer");
  if (viewer) look(viewer, event.target.value);
});

/** Sways slowly from side to side until the user takes over. */
function sway(viewer) {
  const [, high, away] = viewer.getAttribute("camera-orbit").split(" ");
  let start = null, held = false;
  viewer.addEventListener("camera-change", event => { held ||= event.detail.source === "user-interaction"; });
  const step = now => {
    if (held || !viewer.isConnected) return;
    start ??= now;
    viewer.cameraOrbit = `${-25 * Math.cos((now - start) / 2600)}deg ${high} ${away}`;
    requestAnimationFrame(step);
  };
  viewer.addEventListener("load", () => requestAnimationFrame(step), {once: true});
}

function turn(viewer, on) {
  viewer.autoRotate = on;
  viewer.setAttribute("auto-rotate-delay", String(PATIENCE_MS));
  viewer.setAttribute("rotation-per-second", "24deg");
  viewer.closest("[data-stage-box]")?.querySelector('[data-viewer="turn"]')?.setAttribute("aria-pressed", String(on));
}

document.addEventListener("click", event => {
  const button = event.target.closest("[data-viewer]");
  const box = button?.closest("[data-stage-box]");
  const viewer = box?.querySelector("model-viewer");
  if (!viewer) return;
  switch (button.dataset.viewer) {
    case "turn":
      turn(viewer, !viewer.autoRotate);
      break;
    case "home":
      viewer.resetTurntableRotation(0);
      viewer.cameraOrbit = viewer.getAttribute("camera-orbit");
      viewer.fieldOfView = "auto";
      viewer.jumpCameraToGoal();
      break;
    case "full":
      if (document.fullscreenElement) document.exitFullscreen();
      else box.requestFullscreen?.();
  }
});

const prepareAll = () => document.querySelectorAll("model-viewer").forEach(prepare);
new MutationObserver(prepareAll).observe(document.body, {childList: true, subtree: true});
prepareAll();
