// What every page's script needs: asking our own API, and saying what happened.

const csrf = document.querySelector("meta[name=csrf]").content;

// Ask the API; the answer's JSON, or null for an empty one. Throws the problem's own words.
export async function ask(method, address, body) {
  const response = await fetch(address, {
    method,
    headers: { accept: "application/json", "x-csrf-token": csrf, ...(body ? { "content-type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  if (response.status === 401) location.assign("/login?next=" + encodeURIComponent(location.pathname));
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
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
