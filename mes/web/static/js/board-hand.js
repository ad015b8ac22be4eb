// Moving cars by hand on the board's page: its toolbar, the conflicts, the tray, publishing with a note.

import { Problem, showErrors } from "./api.js";
import { t } from "./i18n.js";
import { toast } from "./toast.js";

const board = document.getElementById("board");
const bar = document.getElementById("hand");
const toggle = document.getElementById("by-hand");
const result = document.getElementById("hand-result");
const conflicts = document.getElementById("conflicts");
const tray = document.getElementById("unplaced");
const publish = bar.querySelector("[data-publish]");
const said = document.getElementById("hand-said");
const hand = () => board.hand;

toggle.addEventListener("click", () => {
  if (!board.board) return;
  if (hand().active) hand().stop();
  else hand().start();
});

const acts = {
  undo: () => hand().undo(),
  redo: () => hand().redo(),
  lock: () => (board.selected >= 0 ? hand().lock(board.selected) : board.say(t("Choose a bar first."))),
  lockCar: () => (board.selected >= 0 ? hand().lock(board.selected, { whole: true }) : board.say(t("Choose a bar first."))),
  lockView: () => hand().lockView(board.selected),
  stop: () => hand().stop(),
};
for (const button of bar.querySelectorAll("[data-hand]")) button.addEventListener("click", () => acts[button.dataset.hand]());

board.addEventListener("board-said", (event) => {
  said.textContent = event.detail;
});

/** A word with its number; empty words hide their badge. */
function badge(name, text) {
  const one = result.querySelector(`[data-${name}]`);
  one.textContent = text;
  one.hidden = !text;
}

board.addEventListener("hand", ({ detail: now }) => {
  bar.hidden = !now.active;
  toggle.setAttribute("aria-pressed", String(now.active));
  tray.classList.toggle("taking", now.active);
  for (const button of tray.querySelectorAll("[data-place]")) button.hidden = !now.active;
  const answer = now.answer;
  result.hidden = !answer;
  bar.querySelector('[data-hand="undo"]').disabled = !now.moves.length && !now.unlocked.length;
  bar.querySelector('[data-hand="redo"]').disabled = !now.undone.length;
  publish.disabled = !now.moves.length || !answer || answer.hard_count > 0;
  badge("moves", t("moves: %(n)s, operations at another time: %(m)s", { n: now.moves.length, m: answer?.moved ?? 0 }));
  badge("hard", answer?.hard_count ? t("conflicts: %(n)s", { n: answer.hard_count }) : "");
  badge("soft", answer?.soft_count ? t("warnings: %(n)s", { n: answer.soft_count }) : "");
  const [before, after] = answer?.color_changes ?? [0, 0];
  const [purged, purges] = answer?.purge_s ?? [0, 0];
  const changes = before === after ? "" : t("colour changes %(before)s → %(after)s", { before, after });
  const seconds = purged === purges ? "" : t("purging %(before)s s → %(after)s s", { before: purged, after: purges });
  badge("colors", [changes, seconds].filter(Boolean).join(" · "));
  list(answer);
});

function list(answer) {
  conflicts.hidden = !answer?.conflicts.length;
  if (conflicts.hidden) return;
  conflicts.querySelector("[data-count]").textContent = answer.hard_count + answer.soft_count;
  conflicts.querySelector("ul").replaceChildren(
    ...answer.conflicts.map((one) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "entry plain";
      const mark = document.createElement("span");
      mark.className = `badge ${one.hard ? "bad" : "warn"}`;
      mark.textContent = one.hard ? t("cannot be") : t("warning");
      const text = document.createElement("span");
      text.className = "small";
      text.textContent = one.text;
      button.append(mark, text);
      button.addEventListener("click", () => {
        const i = board.board.car.findLastIndex((car) => one.cars.includes(car));
        if (i >= 0) board.focusBar(i);
      });
      item.append(button);
      return item;
    }),
  );
}

tray.addEventListener("dragstart", (event) => {
  const card = event.target.closest("[data-car]");
  if (!card || !hand().active) return event.preventDefault();
  event.dataTransfer.setData("text/c2m-car", card.dataset.car);
  event.dataTransfer.effectAllowed = "move";
});
tray.addEventListener("click", (event) => {
  const button = event.target.closest("[data-place]");
  if (button) hand().place(button.dataset.place);
});

bar.addEventListener("submit", async (event) => {
  event.preventDefault();
  publish.disabled = true;
  try {
    const plan = await hand().publish(bar.elements.note.value);
    hand().moves = [];
    location.href = `/plan/versions/${plan.id}`;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    showErrors(bar, problem);
    if (problem.code === "board.refused") toast(problem.message, "bad");
    publish.disabled = false;
  }
});

addEventListener("beforeunload", (event) => {
  if (hand()?.moves.length) event.preventDefault();
});
