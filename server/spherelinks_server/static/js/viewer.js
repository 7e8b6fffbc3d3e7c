// The 3D viewer's buttons, and automatic rotation unless reduced motion is preferred.
import {ModelViewerElement} from "../vendor/model-viewer.min.js";

ModelViewerElement.meshoptDecoderLocation = new URL("meshopt.js", import.meta.url).href;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

function prepare(viewer) {
  if (viewer.dataset.ready) return;
  viewer.dataset.ready = "yes";
  if ("sway" in viewer.dataset && !calm.matches) sway(viewer);
  if ("turns" in viewer.dataset) turn(viewer, !calm.matches);
}

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
  viewer.setAttribute("auto-rotate-delay", "0");
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
