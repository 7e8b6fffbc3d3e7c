// Updates every model in progress on the page, and shows it when it is done.
import {announce, ask, part} from "./tools.js";

const SOON = 700, HIDDEN = 4000, PATIENT = 10000;
let timer = null;
let failures = 0;

const busy = () => [...document.querySelectorAll("[data-job][data-busy]")];

/** Starts watching, if there is something to watch. */
export function watch() {
  clearTimeout(timer);
  if (busy().length) timer = setTimeout(look, failures ? Math.min(SOON * 2 ** failures, PATIENT) : document.hidden ? HIDDEN : SOON);
}

async function look() {
  try {
    const ids = busy().map(element => element.dataset.job);
    const {balance, models} = await ask(`/app/models/status?ids=${ids.join(",")}`);
    failures = 0;
    showBalance(balance);
    const known = new Set(models.map(model => model.id));
    for (const element of busy()) if (!known.has(element.dataset.job)) delete element.dataset.busy;
    for (const model of models) {
      for (const element of busy().filter(one => one.dataset.job === model.id)) {
        if (model.status === "PROCESSING") show(element, model);
        else await finish(element, model);
      }
    }
  } catch {
    failures += 1;
  }
  watch();
}

function showBalance(text) {
  for (const label of document.querySelectorAll("[data-balance] span")) {
    if (label.textContent !== text) label.textContent = text;
  }
}

function show(element, model) {
  const write = (name, text) => {
    const target = element.querySelector(`[data-${name}]`);
    if (target && target.textContent !== text) target.textContent = text;
  };
  write("description", model.description);
  write("percent", String(model.progress));
  const bar = element.querySelector("[data-progress]");
  if (bar) bar.value = model.progress;
  if (element.dataset.stage !== model.stage && element.querySelector(".stages")) announce(model.description);
  element.dataset.stage = model.stage;
  markStages(element, model.stage);
}

function markStages(element, stage) {
  const items = [...element.querySelectorAll(".stages [data-stage]")];
  const now = items.findIndex(item => item.dataset.stage === stage);
  items.forEach((item, at) => {
    item.classList.toggle("done", at < now);
    item.classList.toggle("now", at === now);
  });
}

async function finish(element, model) {
  const fresh = await part(element.dataset.part);
  element.replaceWith(fresh);
  announce(model.status === "COMPLETED" ? "The model is ready." : model.description);
}

for (const element of busy()) markStages(element, "queued");
document.addEventListener("visibilitychange", watch);
watch();
