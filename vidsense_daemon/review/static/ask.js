// Questions and digests: a text, then links to the events it rests on.
import { ask, element, trying } from "./common.js";

function show(holder, told) {
  const links = told.event_ids.map((id) => element("li", {}, element("a", { href: `/events/${encodeURIComponent(id)}` }, id)));
  const by = element("p", { class: "faint" }, told.by ? `written by ${told.by}` : "made without a language model");
  holder.replaceChildren(element("p", { dir: "auto" }, told.text), element("ul", {}, ...links), by);
}

function answering(form, holder, fetchIt) {
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    holder.textContent = "…";
    trying(async () => show(holder, await fetchIt(new FormData(form)))).then((done) => { if (done === undefined && holder.textContent === "…") holder.textContent = ""; }).finally(() => { button.disabled = false; });
  });
}

answering(document.querySelector("#ask"), document.querySelector("#answer"), (fields) => ask("POST", "/api/ask", { question: fields.get("question") }));
answering(document.querySelector("#digest"), document.querySelector("#digest-text"), (fields) => ask("GET", `/api/digest?day=${encodeURIComponent(fields.get("day"))}`));
