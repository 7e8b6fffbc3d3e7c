// Small helpers shared by the pages' scripts.

/** Announces a text to screen readers. */
export function announce(text) {
  const region = document.querySelector("[data-announce]");
  if (region) region.textContent = text;
}

/** Sends a request to our server; returns the JSON answer, or throws an Error with a readable message. */
export async function ask(path, options = {}) {
  const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  const headers = {"Accept": "application/json", "X-CSRF-Token": token, ...options.headers};
  const response = await fetch(path, {...options, headers, credentials: "same-origin"}).catch(() => null);
  if (!response) throw new Error("The server is not responding. Is it still running?");
  if (response.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
    return new Promise(() => {});
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(body?.error ? `${body.error.message} ${body.error.hint}` : `The server answered ${response.status}.`);
  return body;
}

/** A part of a page, as its new elements. */
export async function part(path) {
  const response = await fetch(path, {credentials: "same-origin"});
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  localTimes(template.content);
  return template.content;
}

/** Shows <time> elements in the reader's time zone: the last days relative, others as a date. */
export function localTimes(root) {
  const relative = new Intl.RelativeTimeFormat("en", {numeric: "auto"});
  const absolute = new Intl.DateTimeFormat("en", {dateStyle: "medium", timeStyle: "short"});
  const date = new Intl.DateTimeFormat("en", {dateStyle: "medium"});
  for (const time of root.querySelectorAll("time:not([title])")) {
    const moment = new Date(time.dateTime);
    const seconds = (moment - Date.now()) / 1000;
    const far = Math.abs(seconds);
    time.title = absolute.format(moment);
    if (far < 45) time.textContent = seconds > 0 ? "in a moment" : "just now";
    else if (far < 3600) time.textContent = relative.format(Math.round(seconds / 60), "minute");
    else if (far < 86400) time.textContent = relative.format(Math.round(seconds / 3600), "hour");
    else if (far < 7 * 86400) time.textContent = relative.format(Math.round(seconds / 86400), "day");
    else time.textContent = date.format(moment);
  }
}
