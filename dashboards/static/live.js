// The live stream: one a tab, closed while the tab is hidden or paused, opened again with growing, jittered pauses.
// News never moves what is being read: it waits in a bar until it is asked for.

import { load, remember, remembered, swap } from "./page.js";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** The server speaks every five seconds; after three missed times the connection is dead. */
const SILENCE_MS = 16_000;
/** The pipeline speaks twice a second; without a word for this long it stands still. */
const PIPELINE_SILENT_MS = 15_000;
const REFRESH_MS = 2_000;

const button = document.getElementById("live");
const show = document.getElementById("show-news");
const health = document.getElementById("health");
const openCount = document.getElementById("open-count");
const title = document.title;

let source = null;
let pause = FIRST_PAUSE_MS;
let retry = 0;
let watchdog = 0;
let offlineSince = null;
let refreshedAt = 0;
let refreshing = false;
let isPaused = remembered("paused") === "yes";

export function start() {
  if (!document.body.dataset.stream) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    isPaused = !isPaused;
    remember("paused", isPaused ? "yes" : null);
    if (isPaused) close();
    else open();
    say();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!isPaused) open();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted && !isPaused) open(); });
  show?.addEventListener("click", showNews);
  if (!isPaused && !document.hidden) open();
  say();
}

function open() {
  close();
  source = new EventSource(document.body.dataset.stream);
  source.addEventListener("news", (event) => heard(JSON.parse(event.data)));
  source.onerror = lost;
  watch();
}

function close() {
  clearTimeout(retry);
  clearTimeout(watchdog);
  source?.close();
  source = null;
}

function watch() {
  clearTimeout(watchdog);
  watchdog = setTimeout(lost, SILENCE_MS);
}

function lost() {
  close();
  offlineSince ??= new Date();
  say();
  retry = setTimeout(open, pause * (0.5 + Math.random()));
  pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
}

/** One message. */
function heard(message) {
  watch();
  pause = FIRST_PAUSE_MS;
  if (!message.readable) {
    offlineSince ??= new Date();
    say();
    return;
  }
  offlineSince = null;
  say();
  showCounts(message.open);
  showHealth(message);
  announce(message);
  refresh();
}

function say() {
  const clock = (time) => time.toISOString().slice(11, 19);
  const [is, words] = isPaused ? ["paused", "Paused"]
    : offlineSince ? ["offline", `Offline since ${clock(offlineSince)}`]
    : ["live", "Live"];
  button.dataset.is = is;
  button.textContent = words;
  button.setAttribute("aria-pressed", String(!isPaused));
  button.title = isPaused ? "Go live" : "Pause";
}

function showCounts(open) {
  const levels = ["critical", "high", "medium", "low", "info"];
  const all = levels.reduce((sum, level) => sum + (open[level] ?? 0), 0);
  openCount.hidden = all === 0;
  openCount.textContent = all > 999 ? "999+" : String(all);
  openCount.title = "Open: " + levels.filter((level) => open[level]).map((level) => `${open[level]} ${level}`).join(", ");
  openCount.dataset.is = open.critical ? "critical" : open.high ? "high" : "calm";
}

function showHealth({ spoke, watermark }) {
  // What the server said when it made the page holds until there is better news.
  if (!spoke || health.dataset.is === "bad" && !health.textContent.includes("silent")) return;
  const isSilent = Date.now() - Date.parse(spoke) > PIPELINE_SILENT_MS;
  const written = (time) => `${time.slice(0, 10)} ${time.slice(11, 19)} UTC`;
  const words = isSilent ? `pipeline silent since ${written(spoke)}`
    : watermark ? `seen up to ${written(watermark)}`
    : "waiting for the first event";
  health.dataset.is = isSilent ? "bad" : "good";
  if (health.lastChild.textContent !== words || health.childNodes.length > 2) {
    const dot = health.querySelector(".dot");
    health.replaceChildren(dot, words);
  }
}

/** Says how much is new without touching the list. */
function announce(message) {
  if (!show) return;
  const shown = new Set([...document.querySelectorAll("tr[data-id]")].map((row) => row.dataset.id));
  const isList = shown.size > 0 || Boolean(document.querySelector(".empty"));
  const fresh = message.new.filter((id) => !shown.has(id)).length;
  const changed = isList ? message.changed.filter((id) => shown.has(id)).length : message.changed.length;
  const more = message.more ? " or more" : "";
  const words = !isList && changed ? "This incident has changed. Show it"
    : [fresh && `${fresh}${more} new`, changed && `${changed} changed`].filter(Boolean).join(", ");
  show.hidden = !words;
  document.title = fresh ? `(${fresh}) ${title}` : title;
  const text = isList && words ? `${words}. Show` : words;
  if (show.textContent !== text) show.textContent = text;
}

export async function showNews(event) {
  if (!show || show.hidden) return;
  event?.preventDefault();
  try {
    const page = await load(location.href);
    if (!swap(page)) throw new Error("nothing to show");
    const range = page.querySelector(".range");
    if (range) document.querySelector(".range")?.replaceWith(document.importNode(range, true));
    show.hidden = true;
    document.title = title;
    if (!isPaused) open();
  } catch {
    location.reload();
  }
}

/** Renews a page that is live as a whole, unless somebody is using it. */
async function refresh() {
  const part = document.querySelector("[data-live]");
  const isUsed = part && (part.contains(document.activeElement) || String(getSelection()) !== "");
  if (!part || isUsed || refreshing || Date.now() - refreshedAt < REFRESH_MS) return;
  refreshing = true;
  try {
    swap(await load(location.href));
  } catch {
    // The next message tries again.
  }
  refreshing = false;
  refreshedAt = Date.now();
}
