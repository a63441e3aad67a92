// Try a sentence on the past: the daemon scores it once, moving the threshold only counts again.
import { ask, element, say, trying } from "./common.js";

const form = document.querySelector("#backtest");
const slider = document.querySelector("#threshold");
const firings = document.querySelector("#firings");
let tried = null;

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

function asked() {
  const fields = new FormData(form);
  return {
    prompt: fields.get("prompt"),
    contrast: lines(fields.get("contrast")),
    camera: fields.get("camera") || null,
    days: Number(fields.get("days")),
  };
}

function card(firing) {
  const picture = element("span", { class: "picture" });
  if (firing.still_url) picture.append(element("img", { src: firing.still_url, alt: "", loading: "lazy", width: 320, height: 180 }));
  else picture.append(element("span", { class: "no-picture" }, "no still was kept"));
  const at = firing.started_at.slice(0, "2026-03-14T12:00:00".length).replace("T", " "); // in the machine's time zone
  const line = element("span", { class: "line" }, element("time", { datetime: firing.started_at }, at), element("b", {}, firing.camera));
  const words = element("span", { class: "words" }, `score ${firing.score.toFixed(2)}`);
  const inner = firing.event_id ? element("a", { class: "open", href: `/events/${firing.event_id}` }) : element("span", { class: "open" });
  inner.append(picture, line, words);
  return element("article", { class: "card", "data-score": firing.score }, inner);
}

function count() {
  const threshold = Number(slider.value);
  let above = 0;
  for (const one of firings.children) {
    const fires = Number(one.dataset.score) >= threshold;
    one.classList.toggle("below", !fires);
    above += fires;
  }
  const aDay = tried.days ? above / tried.days : 0;
  document.querySelector("#rate").textContent = `≈ ${aDay < 10 ? aDay.toFixed(1) : Math.round(aDay)} a day (${above} in ${Math.round(tried.days * 10) / 10} days)`;
  document.querySelector("#threshold-shown").textContent = threshold.toFixed(2);
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  trying(async () => {
    tried = await ask("POST", "/api/triggers/backtest", asked());
    const scores = tried.firings.map((firing) => firing.score);
    slider.min = Math.min(tried.threshold, ...scores).toFixed(2);
    slider.max = (Math.max(tried.threshold, ...scores) + 0.05).toFixed(2);
    slider.value = tried.threshold;
    firings.replaceChildren(...tried.firings.toSorted((a, b) => b.score - a.score).map(card));
    document.querySelector("#outcome").hidden = false;
    count();
  }).finally(() => { button.disabled = false; });
});
slider?.addEventListener("input", count);

for (const button of document.querySelectorAll("[data-try]")) {
  button.addEventListener("click", () => {
    form.elements.prompt.value = button.dataset.try;
    form.elements.contrast.value = button.dataset.contrast;
    document.querySelector("#save").elements.name.value = button.dataset.name;
    form.requestSubmit();
  });
}

document.querySelector("#save")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = event.target.elements.name.value;
  const { prompt, contrast, camera } = asked();
  const threshold = Number(slider.value);
  ask("PUT", "/api/triggers", { name, prompt, contrast, threshold, cameras: camera ? [camera] : [] })
    .then(() => say(`Saved ${name}`))
    .catch((error) => {
      // the daemon says what to write where, when the file is not its own to change
      const snippet = document.querySelector("#snippet");
      snippet.textContent = error.message;
      snippet.hidden = false;
    });
});
