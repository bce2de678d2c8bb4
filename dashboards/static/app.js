// What makes the pages comfortable; without it they read the same.

import * as keys from "./keys.js";
import * as live from "./live.js";
import { load, remember, remembered } from "./page.js";

const AGES_EVERY_MS = 30_000;

themes();
copying();
records();
setInterval(ages, AGES_EVERY_MS);
live.start();
keys.start();

/** A button that goes from the system's theme to light, to dark, and back. */
function themes() {
  const order = ["system", "light", "dark"];
  const button = document.getElementById("theme");
  const chosen = () => order.includes(remembered("theme")) ? remembered("theme") : "system";
  const apply = () => {
    const theme = chosen();
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = { system: "Auto", light: "Light", dark: "Dark" }[theme];
    button.title = `Colours: ${theme}`;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = order[(order.indexOf(chosen()) + 1) % order.length];
    remember("theme", next === "system" ? null : next);
    apply();
  });
  apply();
}

/** Buttons that copy the text of the element they name. */
function copying() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy).textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
    });
  }
}

/** Links to raw records open them in place; a click with a modifier is the browser's own. */
function records() {
  document.addEventListener("click", async (event) => {
    const link = event.target instanceof Element && event.target.closest("a.raw");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const row = link.closest("tr");
    if (row.nextElementSibling?.classList.contains("raw-row")) {
      row.nextElementSibling.remove();
      link.setAttribute("aria-expanded", "false");
      return;
    }
    link.setAttribute("aria-busy", "true");
    try {
      const record = (await load(link.href)).getElementById("record");
      if (!record) throw new Error("no record");
      const place = document.createElement("tr");
      place.className = "raw-row";
      const cell = document.createElement("td");
      cell.colSpan = row.cells.length;
      const copy = document.importNode(record, true);
      copy.removeAttribute("id");
      cell.append(copy);
      place.append(cell);
      row.after(place);
      link.setAttribute("aria-expanded", "true");
    } catch {
      location.assign(link.href);
    }
    link.removeAttribute("aria-busy");
  });
}

/** Keeps "3 min ago" true. */
function ages() {
  for (const ago of document.querySelectorAll("time > .ago")) {
    ago.textContent = since((Date.now() - Date.parse(ago.parentElement.dateTime)) / 1_000);
  }
}

/** @param {number} seconds */
function since(seconds) {
  const length = Math.abs(seconds);
  if (length < 2) return "now";
  const units = [[60, 1, "s"], [3_600, 60, "min"], [172_800, 3_600, "h"], [63_115_200, 86_400, "d"], [Infinity, 31_557_600, "y"]];
  const [, unit, word] = units.find(([until]) => length < until);
  const words = `${Math.floor(length / unit)} ${word}`;
  return seconds < 0 ? `in ${words}` : `${words} ago`;
}
