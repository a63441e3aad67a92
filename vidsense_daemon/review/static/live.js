// The live page: every few seconds the states, and a picture only when there is a newer one.
import { ask, trying } from "./common.js";

const EVERY_MS = 3000;
const cards = document.querySelector("#cameras");

function show(camera) {
  const card = cards.querySelector(`[data-camera="${CSS.escape(camera.name)}"]`);
  if (!card) return;
  const state = card.querySelector(".state");
  if (state.textContent !== camera.state) {
    state.textContent = camera.state;
    state.className = `state ${camera.state}`;
    card.className = `camera-card ${camera.state}`;
  }
  card.querySelector(".fault").textContent = camera.message;
  const seen = card.querySelector(".seen");
  if (seen && camera.last_frame_at_ms) seen.textContent = new Date(camera.last_frame_at_ms).toLocaleTimeString("en-GB");
  if (!camera.still_url) return;
  const holder = card.querySelector(".picture");
  let picture = holder.querySelector("img");
  if (!picture) {
    picture = new Image(320, 180);
    picture.alt = `Newest still of ${camera.name}`;
    holder.replaceChildren(picture);
  }
  if (picture.getAttribute("src") !== camera.still_url) picture.src = camera.still_url;
}

setInterval(() => {
  if (document.visibilityState === "visible") {
    trying(async () => (await ask("GET", "/api/cameras")).forEach(show));
  }
}, EVERY_MS);
