// The gallery: sorting as soon as it is chosen, how many models are selected, all of them.
import {announce} from "./tools.js";

document.querySelector("[data-find] select")?.addEventListener("change", event => event.target.form.requestSubmit());

const form = document.querySelector("[data-chosen-form]");

function count() {
  const chosen = form.querySelectorAll("input[name=job]:checked").length;
  form.querySelector("[data-count]").textContent = `${chosen} selected`;
  announce(`${chosen} selected`);
}

form?.addEventListener("change", count);
form?.addEventListener("reset", () => setTimeout(count));
form?.querySelector("[data-all]").addEventListener("click", () => {
  for (const box of form.querySelectorAll("input[name=job]")) box.checked = true;
  count();
});
