// Questions and digests: a text, then the events it rests on.
import { ask, element, fetchPart, trying } from "./common.js";

async function show(holder, told) {
  const by = element("p", { class: "faint" }, told.by ? `written by ${told.by}` : "made without a language model");
  const cards = element("div", { class: "cards" });
  holder.replaceChildren(element("p", { class: "told", dir: "auto" }, told.text), by, cards);
  for (const id of told.event_ids) {
    const card = (await fetchPart(`/cards?show=all&only=${encodeURIComponent(id)}`)).querySelector(".card");
    if (card) cards.append(card);
  }
  return true;
}

function answering(form, holder, fetchIt) {
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    holder.textContent = "…";
    trying(async () => show(holder, await fetchIt(new FormData(form)))).then((done) => { if (!done && holder.textContent === "…") holder.textContent = ""; }).finally(() => { button.disabled = false; });
  });
}

answering(document.querySelector("#ask"), document.querySelector("#answer"), (fields) => ask("POST", "/api/ask", { question: fields.get("question") }));
answering(document.querySelector("#digest"), document.querySelector("#digest-text"), (fields) => ask("GET", `/api/digest?day=${encodeURIComponent(fields.get("day"))}`));
