// The live page: every few seconds the cameras' cards anew, and a picture only when there is a newer one.
import { fetchPart, trying } from "./common.js";

const EVERY_MS = 3000;
const cards = document.querySelector("#cameras");
const find = (among, name) => among.querySelector(`[data-camera="${CSS.escape(name)}"]`);

// What is the same already is not touched: the keyboard may be there.
function refresh(card, fresh) {
  card.className = fresh.className;
  for (const part of ["h2", ".facts", ".fault", ".last"]) {
    const [before, now] = [card.querySelector(part), fresh.querySelector(part)];
    if (!before.isEqualNode(now)) before.replaceWith(now);
  }
  const [before, now] = [card.querySelector(".picture img"), fresh.querySelector(".picture img")];
  if (!now || before?.getAttribute("src") === now.getAttribute("src")) return;
  if (before) before.src = now.getAttribute("src");
  else card.querySelector(".picture").replaceWith(fresh.querySelector(".picture"));
}

async function look() {
  const seen = (await fetchPart("/live")).querySelectorAll("[data-camera]");
  for (const fresh of seen) {
    const card = find(cards, fresh.dataset.camera);
    if (card) refresh(card, fresh);
    else cards.append(fresh);
  }
  const names = new Set([...seen].map((fresh) => fresh.dataset.camera));
  for (const card of cards.querySelectorAll("[data-camera]")) if (!names.has(card.dataset.camera)) card.remove();
  if (names.size) cards.querySelector(".empty")?.remove();
}

setInterval(async () => {
  if (document.visibilityState !== "visible") return;
  const answered = await trying(async () => { await look(); return true; });
  cards.classList.toggle("stale", !answered);
}, EVERY_MS);
