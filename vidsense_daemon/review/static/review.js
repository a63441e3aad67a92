// The review page: more cards while scrolling, new ones as they happen, and the keyboard.
import { ask, element, fetchPart, pageKey, say, trying } from "./common.js";

const cards = document.querySelector("#cards");
const fresh = document.querySelector("#fresh");
const all = () => [...cards.querySelectorAll(".card")];
let current = null;

// --- days between the cards

// What is right already is not touched: thousands of cards would be laid out anew. What a search found stands in the
// order of how well it fits; its cards, and all of them without this script, tell the day themselves.
function markDays() {
  if ("found" in cards.dataset) return;
  cards.classList.add("days");
  let day = "";
  for (const card of all()) {
    const before = card.previousElementSibling;
    const heading = before?.classList.contains("day") ? before : null;
    if (card.dataset.day === day) heading?.remove();
    else if (heading?.textContent !== card.dataset.day) {
      heading?.remove();
      card.before(element("h2", { class: "day" }, card.dataset.day));
    }
    day = card.dataset.day;
  }
}

// --- more while scrolling

const watching = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) if (isIntersecting) loadMore(target);
}, { rootMargin: "1200px" });

async function loadMore(link) {
  watching.unobserve(link);
  await trying(async () => {
    const more = await fetchPart(link.dataset.cards);
    // cards that came live meanwhile are there already
    for (const card of more.querySelectorAll(".card")) if (document.getElementById(card.id)) card.remove();
    link.replaceWith(more);
    markDays();
    watchMore();
  });
}

function watchMore() {
  const link = cards.querySelector(".more");
  if (link) watching.observe(link);
}

// --- live

// A browser opens six connections to one address: a tab that nobody looks at must not keep one of them. Coming back it
// goes on from its bookmark; events of one burst are asked for one after the other, and each once.
let stream = null;
let bookmark = cards.dataset.since;
const waiting = new Set();
let refreshing = false;

function listen() {
  if (stream || document.visibilityState !== "visible") return;
  stream = new EventSource(`/api/events/stream?since=${bookmark}`);
  for (const kind of ["opened", "closed", "described"]) stream.addEventListener(kind, heard);
  stream.addEventListener("open", () => { fresh.hidden = true; });
  stream.addEventListener("error", () => {
    fresh.hidden = false;
    if (stream?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    stream = null;
    setTimeout(listen, 5000);
  });
}

function rest() {
  stream?.close();
  stream = null;
}

async function heard(message) {
  bookmark = message.lastEventId;
  waiting.add(JSON.parse(message.data).id);
  if (refreshing) return;
  refreshing = true;
  for (const id of waiting) { // what comes meanwhile is added to its end, the same one too
    waiting.delete(id);
    await trying(() => refresh(id));
  }
  refreshing = false;
}

async function refresh(id) {
  const query = cards.dataset.query;
  const found = await fetchPart(`/cards?${query}${query ? "&" : ""}only=${encodeURIComponent(id)}`);
  const card = found.querySelector(".card");
  const old = document.getElementById(`e-${id}`);
  if (old && card) old.replaceWith(card);
  else if (card) {
    const started = Number.parseInt(id, 10);
    const older = all().find((one) => Number.parseInt(one.dataset.id, 10) < started);
    if (older) older.before(card);
    else if (!cards.querySelector(".more")) {
      if (!cards.querySelector(".cards")) cards.append(element("div", { class: "cards" }));
      cards.querySelector(".cards:last-of-type").append(card);
    }
    document.querySelector("#empty")?.remove();
  }
  if (old === current) current = card;
  markDays();
}

// --- keyboard

function goTo(card) {
  if (!card) return;
  current?.classList.remove("current");
  current = card;
  card.classList.add("current");
  card.querySelector(".open").focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const list = all();
  const at = list.indexOf(current);
  goTo(list[at < 0 ? 0 : Math.min(Math.max(at + by, 0), list.length - 1)]);
}

async function judge(verdict) {
  const card = current;
  await trying(async () => {
    await ask("POST", `/api/events/${card.dataset.id}/feedback`, { verdict });
    for (const mark of card.querySelectorAll(".verdict")) mark.hidden = !mark.classList.contains(verdict);
    say(`Marked ${verdict}`);
    step(1);
  });
}

async function review() {
  const card = current;
  await trying(async () => {
    const reviewed = !card.classList.contains("reviewed");
    await ask("PATCH", `/api/events/${card.dataset.id}`, { reviewed });
    card.classList.toggle("reviewed", reviewed);
    step(1);
  });
}

async function pin() {
  const card = current;
  await trying(async () => {
    await ask("PATCH", `/api/events/${card.dataset.id}`, { pinned: true });
    card.querySelector(".pinned").hidden = false;
    say("Pinned");
  });
}

document.addEventListener("keydown", (event) => {
  const key = pageKey(event);
  if (key === "Escape") document.activeElement.blur();
  else if (event.key === "Escape") event.target.blur();
  if (key === "/") document.querySelector(".search")?.focus();
  else if (key === "j") step(1);
  else if (key === "k") step(-1);
  else if (!current) return;
  else if (key === "g") judge("good");
  else if (key === "b") judge("bad");
  else if (key === "r") review();
  else if (key === "p") pin();
  else return;
  event.preventDefault();
});

cards.addEventListener("focusin", (event) => {
  const card = event.target.closest(".card");
  if (card && card !== current) goTo(card);
});
for (const field of document.querySelectorAll("#filters select, #filters input[type=date]")) {
  // a year that is being typed is 0002 first
  field.addEventListener("change", () => { if (field.validity.valid) field.form.requestSubmit(); });
}
// a choice takes effect at once, and Enter sends a text
document.querySelector("#filters button").hidden = true;
// empty fields would only make the address long
document.querySelector("#filters").addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
});
markDays();
watchMore();
if (bookmark) { // not where a search was made
  listen();
  document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? listen() : rest()));
  addEventListener("pagehide", rest);
  addEventListener("pageshow", listen);
}
