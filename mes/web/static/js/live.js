// Live pages: nudges (topic, seq) come by SSE, bursts coalesce, what is shown is fetched again.
// When the stream is silent the page says how old it is; a reconnect catches up by Last-Event-ID.

import { duration, t } from "./i18n.js";

const COALESCE_MS = 400;
const SILENT_MS = 20_000;

let heard = Date.now();
let state = "connecting";
const waiting = new Set();
let timer = 0;

function show(next) {
  state = next;
  for (const mark of document.querySelectorAll("[data-live]")) {
    mark.dataset.state = state;
    const age = (Date.now() - heard) / 1000;
    const text =
      state === "live"
        ? t("Live")
        : state === "connecting"
          ? t("Connecting")
          : t("Not live for %(age)s", { age: duration(age) });
    if (mark.textContent !== text) mark.textContent = text;
  }
}

// How long a part of the page rests after it was fetched, so that a busy plant does not wear the reader out.
const REST_MS = 3000;
const fetched = new Map();

function flush() {
  timer = 0;
  if (document.hidden) return;
  const topics = [...waiting];
  waiting.clear();
  if (!topics.length) return;
  document.dispatchEvent(new CustomEvent("plant-nudge", { detail: { topics } }));
  const now = Date.now();
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const mine = topics.filter((topic) => part.dataset.refresh.split(" ").includes(topic));
    if (!mine.length) continue;
    const writing = part.contains(document.activeElement) && document.activeElement.closest("form");
    if (writing || now - (fetched.get(part.id) ?? 0) < REST_MS) {
      for (const topic of mine) waiting.add(topic);
      continue;
    }
    fetched.set(part.id, now);
    window.htmx?.trigger(part, "nudge");
  }
  if (waiting.size) timer = setTimeout(flush, REST_MS);
}

// What the reader had opened, scrolled to or focused stays when a part is fetched again.
function kept(part) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const name = focused && (focused.id ? `#${CSS.escape(focused.id)}` : focused.getAttribute("href") ? `[href="${CSS.escape(focused.getAttribute("href"))}"]` : "");
  return {
    open: [...part.querySelectorAll("details")].map((one) => one.open),
    scrolled: [...part.querySelectorAll(".table-wrap, .steps")].map((one) => one.scrollLeft),
    name,
  };
}

function restore(part, was) {
  const folds = part.querySelectorAll("details");
  if (folds.length === was.open.length) folds.forEach((one, n) => (one.open = was.open[n]));
  part.querySelectorAll(".table-wrap, .steps").forEach((one, n) => (one.scrollLeft = was.scrolled[n] ?? 0));
  if (was.name) part.querySelector(was.name)?.focus({ preventScroll: true });
}

const before = new Map();
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target?.id) before.set(event.detail.target.id, kept(event.detail.target));
});
document.addEventListener("htmx:afterSwap", () => {
  for (const [id, was] of before) {
    const part = document.getElementById(id);
    if (part) restore(part, was);
  }
  before.clear();
});

function soon() {
  if (!timer) timer = setTimeout(flush, COALESCE_MS);
}

/** Listen to the topics of this page; call once. */
export function listen(topics) {
  const source = new EventSource(`/events/stream?topics=${encodeURIComponent(topics)}`);
  const alive = () => {
    heard = Date.now();
    if (state !== "live") show("live");
  };
  source.addEventListener("open", () => {
    const again = state === "off" || state === "stale";
    alive();
    if (again) {
      for (const topic of topics.split(",")) waiting.add(topic);
      soon();
    }
  });
  source.addEventListener("beat", alive);
  source.addEventListener("nudge", (event) => {
    alive();
    waiting.add(JSON.parse(event.data).topic);
    soon();
  });
  source.addEventListener("error", () => show("off"));
  setInterval(() => {
    if (state === "live" && Date.now() - heard > SILENT_MS) show("stale");
    else if (state !== "live") show(state);
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && waiting.size) soon();
  });
  addEventListener("pagehide", () => source.close());
}
