// One event's page: looked at for a moment means reviewed; g, b, p and u as on the review page.
import { ask, pageKey, trying } from "./common.js";

const event = document.querySelector(".event");
const LOOKED_AT_MS = 1500;

if (event.dataset.reviewed === "no" && event.dataset.state === "closed") {
  setTimeout(() => {
    if (document.visibilityState === "visible") {
      trying(() => ask("PATCH", `/api/events/${event.dataset.id}`, { reviewed: true }));
    }
  }, LOOKED_AT_MS);
}

const press = (selector) => document.querySelector(selector)?.click();
document.addEventListener("keydown", (pressed) => {
  const key = pageKey(pressed);
  if (key === "g" || key === "b") press(`[data-key=${key}]`);
  else if (key === "p") press("form[data-action^=pin] button");
  else if (key === "u" || key === "Escape") press("[data-back]");
});

// back to the list as it was, with its place and filters, when we came from there
document.querySelector("[data-back]").addEventListener("click", (click) => {
  const from = document.referrer ? new URL(document.referrer) : null;
  if (from && from.origin === location.origin && from.pathname === "/") {
    click.preventDefault();
    history.back();
  }
});
