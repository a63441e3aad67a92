// One event's page: looked at for a moment means reviewed; g, b, p and u as on the review page.
import { ask, pageKey, say, trying } from "./common.js";

const event = document.querySelector(".event");
const LOOKED_AT_MS = 1500;

if (event.dataset.reviewed === "no" && event.dataset.state === "closed") {
  setTimeout(() => {
    if (document.visibilityState === "visible") {
      trying(async () => {
        await ask("PATCH", `/api/events/${event.dataset.id}`, { reviewed: true });
        const form = document.querySelector("form[data-action^=reviewed]");
        form.elements.reviewed.value = "no"; // pressing it now makes the event new again
        form.querySelector("button").setAttribute("aria-pressed", "true");
      });
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

// what is still going on, or waits for its words, is looked at again; not under somebody's fingers
const { state, description } = event.dataset;
const note = document.querySelector(".feedback input[name=note]");
if (state === "open" || description === "pending" || description === "running") {
  setInterval(async () => {
    const plays = document.querySelector("video")?.paused === false;
    if (plays || document.visibilityState !== "visible" || (note && note.value !== note.defaultValue)) return;
    const now = await trying(() => ask("GET", `/api/events/${event.dataset.id}`));
    if (now && (now.state !== state || (now.description?.status ?? "") !== description)) location.reload();
  }, 5000);
}

// Enter in the note keeps the verdict; without one there is nothing that the note could belong to
document.querySelector(".feedback")?.addEventListener("submit", (sent) => {
  if (sent.submitter?.value) return;
  sent.preventDefault();
  say("Good or bad? The note is kept with it.");
});
