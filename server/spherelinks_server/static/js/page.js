// For every page: copy buttons, menus that close, times in the reader's own format.
import {announce, localTimes} from "./tools.js";

document.addEventListener("click", async event => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    await copy(document.getElementById(button.dataset.copy));
    const before = button.textContent;
    button.textContent = "Copied";
    announce("Copied");
    setTimeout(() => { button.textContent = before; }, 2000);
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

/** Copies an element's text; over plain http, where browsers withhold the clipboard, selects it instead. */
async function copy(element) {
  if (navigator.clipboard) return navigator.clipboard.writeText(element.textContent);
  getSelection().selectAllChildren(element);
  document.execCommand("copy");
}

document.addEventListener("keydown", event => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

localTimes(document);
