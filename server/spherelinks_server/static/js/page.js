// For every page: copy buttons, menus that close, forms sent once, times in the reader's own format.
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

// a form is sent once, however often its button is pressed; one that comes back from the browser's history may be again
document.addEventListener("submit", event => {
  if (event.defaultPrevented || "again" in event.target.dataset) return;
  if ("sent" in event.target.dataset) event.preventDefault();
  event.target.dataset.sent = "";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// the page that a form was answered with is, reloaded, another one
const answer = document.querySelector("[data-address]");
if (answer) history.replaceState(null, "", answer.dataset.address);

localTimes(document);
