// What every page's script needs: asking our own API, and saying what happened.

const csrf = document.querySelector("meta[name=csrf]").content;

// Ask the API; the answer's JSON, or null for an empty one. Throws the problem's own words.
export async function ask(method, address, body) {
  const response = await reach(address, {
    method,
    headers: { accept: "application/json", "x-csrf-token": csrf, ...(body ? { "content-type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  if (response.status === 401) logIn();
  if (response.status === 204) return null;
  // a proxy in between answers in HTML
  const answer = await response.json().catch(() => ({ detail: `the daemon does not answer (${response.status})` }));
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

// A part of a page, as the daemon renders it: its words and times are the same everywhere.
export async function fetchPart(address) {
  const response = await reach(address, { headers: { accept: "text/html" } });
  if (response.redirected && new URL(response.url).pathname === "/login") logIn();
  if (!response.ok || response.redirected) throw new Error(`the daemon does not answer (${response.status})`);
  const holder = document.createElement("template");
  holder.innerHTML = await response.text(); // our own template's, escaped there
  return holder.content;
}

function reach(address, options) {
  return fetch(address, options).catch(() => { throw new Error("the daemon does not answer"); });
}

function logIn() {
  location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
}

let silence;
export function say(text) {
  const said = document.querySelector("#said");
  said.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { said.textContent = ""; }, 4000);
}

// Run something that may fail, and say why it did.
export async function trying(work) {
  try {
    return await work();
  } catch (error) {
    say(error.message);
    return undefined;
  }
}

// A key that is meant for the page: not typed into a field, not a browser's own shortcut.
export function pageKey(event) {
  const typing = event.target.closest("input, textarea, select");
  return typing || event.ctrlKey || event.altKey || event.metaKey ? "" : event.key;
}

// An element with text; text is never read as HTML.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Retention, or somebody, may have removed a picture: its place says so.
function replaceGone(picture) {
  const gone = element("span", { class: "no-picture" }, "the picture is no longer there");
  picture.parentElement.querySelector(".overlay")?.remove();
  picture.replaceWith(gone);
}

document.addEventListener("error", ({ target }) => { if (target instanceof HTMLImageElement) replaceGone(target); }, true);
for (const picture of document.images) if (picture.complete && picture.currentSrc && !picture.naturalWidth) replaceGone(picture);
