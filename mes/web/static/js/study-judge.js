// A golden set judged blind: G good, D defect, U undo; one key a verdict, the next picture comes by itself.

import { call } from "./api.js";
import { t } from "./i18n.js";
import { toast } from "./toast.js";

const card = document.getElementById("judge");
const picture = document.getElementById("picture");
const verdicts = document.getElementById("verdicts");
const base = `/api/agreement-studies/${card.dataset.study}`;
const KEYS = { g: "good", d: "defect", u: "undo" };

let turn = null;
let busy = false;

function show(next) {
  turn = next;
  const left = next.image !== null;
  picture.hidden = !left;
  verdicts.hidden = !left;
  document.getElementById("how-far").value = left ? next.place / next.of : 1;
  document.getElementById("where").textContent = left ? `${next.place + 1} / ${next.of}` : "";
  document.getElementById("said").textContent = left
    ? t("Trial %(trial)s of %(repeats)s", { trial: next.trial, repeats: next.repeats })
    : t("You have judged everything. Thank you.");
  if (left) picture.src = next.image;
}

async function say(what) {
  if (busy || !turn || (turn.image === null && what !== "undo")) return;
  busy = true;
  try {
    if (what === "undo") show(await call("POST", `${base}/undo`));
    else show(await call("POST", `${base}/verdicts`, { place: turn.place, defect: what === "defect" }));
  } catch (problem) {
    toast(problem.message, "bad");
    if (problem.code === "agreement.another_picture") show(await call("GET", `${base}/next`));
  } finally {
    busy = false;
  }
}

card.addEventListener("click", (event) => {
  const button = event.target.closest("[data-say]");
  if (button) say(button.dataset.say);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const what = KEYS[event.key.toLowerCase()];
  if (!what || event.target.closest("input, select, textarea")) return;
  event.stopPropagation();
  say(what);
}, true);

show(await call("GET", `${base}/next`));
