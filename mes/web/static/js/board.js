// The plan board's page: toolbar, legend, and the pane that explains what is chosen.

import { t } from "./i18n.js";
import { toast } from "./toast.js";

const board = document.getElementById("board");
const pane = document.getElementById("pane");
const legend = document.getElementById("legend");

board.addEventListener("legend", (event) => {
  const SVG = "http://www.w3.org/2000/svg";
  legend.replaceChildren(
    ...event.detail.map(({ name, fill }) => {
      const item = document.createElement("span");
      const box = document.createElementNS(SVG, "svg");
      box.setAttribute("class", "swatch");
      box.setAttribute("viewBox", "0 0 14 14");
      const rect = document.createElementNS(SVG, "rect");
      for (const [key, value] of Object.entries({ x: 0.5, y: 0.5, width: 13, height: 13, rx: 3, fill })) rect.setAttribute(key, value);
      box.append(rect);
      item.append(box, name);
      return item;
    }),
  );
});

const byOption = document.getElementById("by-option");

/** Colour the bars another way; the address remembers it. */
function colourBy(way) {
  board.setAttribute("by", way);
  for (const other of document.querySelectorAll("[data-by]")) other.setAttribute("aria-pressed", String(other.dataset.by === way));
  byOption.value = way.startsWith("option:") ? way.slice(7) : "";
  const url = new URL(location.href);
  url.searchParams.set("by", way);
  history.replaceState(null, "", url);
}

for (const button of document.querySelectorAll("[data-by]")) button.addEventListener("click", () => colourBy(button.dataset.by));
byOption.addEventListener("change", () => colourBy(byOption.value ? `option:${byOption.value}` : "color"));

document.getElementById("load")?.addEventListener("click", (event) => {
  const cell = event.target.closest("button[data-from]");
  if (!cell || !board.board) return;
  if (cell.dataset.option) colourBy(`option:${cell.dataset.option}`);
  board.show(Number(cell.dataset.from), Number(cell.dataset.to));
  board.scrollIntoView({ block: "nearest" });
});

const acts = { in: () => board.zoom(0.6), out: () => board.zoom(1.6), now: () => board.toNow(), fit: () => board.fit() };
for (const button of document.querySelectorAll("[data-board]")) {
  button.addEventListener("click", () => board.board && acts[button.dataset.board]());
}

board.addEventListener("board-error", (event) => toast(event.detail, "bad"));

let asked = 0;
async function explain(event) {
  if (!event.detail) return board.mark({});
  const turn = ++asked;
  const { order } = event.detail;
  const path = order.startsWith("lot:") ? `/plan/lots/${encodeURIComponent(order.slice(4))}` : `/plan/orders/${encodeURIComponent(order)}`;
  const answer = await fetch(path, { headers: { Accept: "text/fragment" } });
  if (turn !== asked) return;
  if (!answer.ok) return toast(t("This is no longer in the plan."), "warn");
  pane.innerHTML = await answer.text();
  window.htmx.process(pane);
  const facts = pane.firstElementChild.dataset;
  board.mark({ promise: Number(facts.promise || 0), needBy: Number(facts.need || 0) });
}
board.addEventListener("bar-open", explain);
let resting = 0;
board.addEventListener("bar-focus", (event) => {
  clearTimeout(resting);
  resting = setTimeout(() => explain(event), 250);
});
