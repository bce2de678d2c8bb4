// One key for what is done often. They can be switched off, as some people dictate and some keyboards chatter
// (WCAG 2.1.4).

import { remember, remembered } from "./page.js";
import { showNews } from "./live.js";

const KEYS = [
  ["j, k", "next, previous row or finding"],
  ["Enter", "open it"],
  [".", "show what is new"],
  ["/", "search"],
  ["u", "up to the list"],
  ["?", "these keys"],
];

let areOn = remembered("keys") !== "off";

export function start() {
  const help = document.getElementById("help");
  help.hidden = false;
  help.addEventListener("click", explain);
  document.addEventListener("keydown", (event) => {
    if (!areOn || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (act(event.key)) event.preventDefault();
  });
}

function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT|DIALOG)$/.test(target.tagName));
}

/** @returns {boolean} whether the key means something here */
function act(key) {
  switch (key) {
    case "j": return move(1);
    case "k": return move(-1);
    case ".": showNews(); return true;
    case "/": return focus(document.getElementById("search"));
    case "u": return document.querySelector(".crumbs a")?.click() === undefined;
    case "?": explain(); return true;
    default: return false;
  }
}

function move(by) {
  const places = [...document.querySelectorAll("tr[data-id] a.open, article.finding")];
  if (places.length === 0) return false;
  const at = places.findIndex((place) => place.contains(document.activeElement));
  const next = places[at < 0 ? (by > 0 ? 0 : places.length - 1) : Math.min(Math.max(at + by, 0), places.length - 1)];
  if (next.tagName !== "A") next.tabIndex = -1;
  return focus(next);
}

function focus(place) {
  place?.focus();
  return Boolean(place);
}

function explain() {
  const dialog = document.createElement("dialog");
  const heading = document.createElement("h2");
  heading.textContent = "Keys";
  const list = document.createElement("dl");
  list.className = "keys";
  for (const [key, meaning] of KEYS) {
    const [term, what] = ["dt", "dd"].map((tag) => document.createElement(tag));
    term.textContent = key;
    what.textContent = meaning;
    list.append(term, what);
  }
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = areOn;
  box.addEventListener("change", () => {
    areOn = box.checked;
    remember("keys", areOn ? null : "off");
  });
  label.append(box, " Use these keys");
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.append(heading, list, label, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
