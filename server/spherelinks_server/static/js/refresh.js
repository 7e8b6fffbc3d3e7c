// Updates the part of the page that something is pending in, until nothing is.
import {announce, part} from "./tools.js";

const PAUSE = 1500;

async function refresh() {
  const old = document.querySelector("[data-pending]");
  if (!old) return;
  try {
    const fresh = await part(old.dataset.part);
    if (!old.contains(document.activeElement)) old.replaceWith(fresh);
    if (!document.querySelector("[data-pending]")) announce("Updated");
  } catch { /* the next try may do better */ }
  setTimeout(refresh, PAUSE);
}

setTimeout(refresh, PAUSE);
