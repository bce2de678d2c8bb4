// Loads a page of this server and hands out its parts. The browser parses it as a document: no script in it runs,
// and no string of ours ever becomes markup.

const PATIENCE_MS = 20_000;

/** @param {string} address @returns {Promise<Document>} */
export function load(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = PATIENCE_MS;
    request.onload = () => {
      const page = request.response;
      if (request.status === 200 && page) resolve(page);
      else reject(new Error(`status ${request.status}`));
    };
    request.onerror = () => reject(new Error("no connection"));
    request.ontimeout = () => reject(new Error("no answer"));
    request.send();
  });
}

/**
 * Puts the part of a freshly loaded page in the place of ours. Open details stay open, a focused row stays focused.
 * @param {Document} page
 * @returns {boolean} whether there was such a part
 */
export function swap(page) {
  const mine = document.querySelector("[data-swap]");
  const theirs = page.querySelector("[data-swap]");
  if (!mine || !theirs) return false;
  const open = [...mine.querySelectorAll("details")].map((details) => details.open);
  const fresh = document.importNode(theirs, true);
  fresh.querySelectorAll("details").forEach((details, at) => { details.open = open[at] ?? false; });
  const focused = mine.contains(document.activeElement) && document.activeElement.closest("[data-id]")?.dataset.id;
  mine.replaceWith(fresh);
  if (focused) fresh.querySelector(`[data-id="${CSS.escape(focused)}"] a`)?.focus({ preventScroll: true });
  if (page.body.dataset.stream) document.body.dataset.stream = page.body.dataset.stream;
  return true;
}

/** What the browser remembers; nothing where it may not. @param {string} key */
export function remembered(key) {
  try {
    return localStorage.getItem(`sealwatch.${key}`);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string | null} value */
export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(`sealwatch.${key}`);
    else localStorage.setItem(`sealwatch.${key}`, value);
  } catch {
    // It holds until the tab is closed.
  }
}
