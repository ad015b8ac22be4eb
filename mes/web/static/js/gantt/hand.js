// Moving cars and die lots by hand: drag or keys, tried by the server's checker, undone and redone, published
// at the end.
//
// A move is {car, line, at, before, not_before}: the car goes in front of another one in the order of a line, a die
// lot in front of another one of this press or of the other. On a press and in welding the bar stays where it was
// dropped: it does not start before. On a paced line a place is a time. All moves since the plan in force go to the server with
// every try, so undo is one move less. What comes back are new times and conflicts; nothing is changed until
// the planner publishes.

import { call, Problem } from "../api.js";
import { duration, t } from "../i18n.js";
import { minute } from "../plant-time.js";

const SNAP_S = 60;
const STEP_S = 900;

export class Hand {
  constructor(gantt) {
    this.gantt = gantt;
    this.active = false;
    this.moves = [];
    this.undone = [];
    this.unlocked = [];
    this.answer = null;
    this.turn = 0;
  }

  /** Whether a bar can be taken, or why not. */
  refusal(i) {
    const b = this.gantt.board;
    if (!b.rows[b.row[i]].order) return t("This line follows the assembly line; move the car there.");
    if (b.actualStart[i]) return t("It has begun; what has begun is a fact.");
    if (b.held(i)) return t("It is frozen: its work is at the line already.");
    if (b.lock(i)?.to) return t("It is locked; L unlocks it.");
    return "";
  }

  start() {
    this.active = true;
    this.gantt.toggleAttribute("editing", true);
    this._tell();
    this.ready();
  }

  /** Have the server read the plan in force now, so that the first drop does not wait for it. */
  async ready() {
    try {
      await this._try([]);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem; // the drop itself will say it
    }
  }

  /** Forget every move. */
  async stop() {
    this.active = false;
    this.moves = [];
    this.undone = [];
    this.answer = null;
    this.gantt.toggleAttribute("editing", false);
    this.gantt.showTrial(null);
    this._tell();
    await this.gantt.load();
  }

  /** Take a bar; false when it cannot be moved. */
  take(i, x) {
    const b = this.gantt.board;
    const why = this.refusal(i);
    if (why) {
      this.gantt.say(why);
      return false;
    }
    this.drag = { i, car: b.car[i], row: b.row[i], grab: x - this.gantt.barRect(b.id[i]).x, target: undefined };
    return true;
  }

  /** The place a bar would get at an x of the canvas; `before` is the bar it would come in front of, -1 the end. */
  target(x) {
    const b = this.gantt.board;
    const { row, car } = this.drag;
    const at = this.gantt.view.from + (x - (this.drag.grab || 0)) * this.gantt.view.perPx;
    const time = waits(b.rows[row]) ? Math.round(at / SNAP_S) * SNAP_S : at;
    const before = this._firstFrom(row, time, car);
    const frozen = before >= 0 && b.held(before);
    return { time, before, row, refused: frozen ? t("Nothing comes before what is frozen.") : "" };
  }

  /** The first bar of a row that starts at a time or later, another car's; -1: none. */
  _firstFrom(row, time, car) {
    const b = this.gantt.board;
    for (let k = b.firstOfRow[row]; k < b.firstOfRow[row + 1]; k++) {
      if (b.car[k] !== car && b.start[k] >= time) return k;
    }
    return -1;
  }

  /** Follow the pointer: what cannot be is said at once, the rest is asked for while dragging. */
  follow(x, y) {
    const b = this.gantt.board;
    const under = this.gantt.rowAt(y);
    if (b.rows[this.drag.row].order === "press" && b.rows[under]?.order === "press") this.drag.row = under;
    const target = this.target(x);
    this.drag.target = target;
    Object.assign(this.drag, { x, y });
    const where = target.before < 0 ? t("at the end") : t("before %(car)s", { car: b.label[target.before] });
    const said = [`${minute(target.time * 1000)} · ${where}`];
    if (target.refused) said.push(target.refused);
    else {
      this._feel(target);
      const felt = this.drag.felt;
      if (felt && this._samePlace(felt, target)) said.push(verdict(felt.answer));
    }
    this.gantt.tell(said.join(" · "), x, y);
    this.gantt._draw();
  }

  /** Ask what would come of dropping here; one question at a time, the newest place wins. */
  async _feel(target) {
    const drag = this.drag;
    if (drag.asking || (drag.felt && this._samePlace(drag.felt, target))) return;
    drag.asking = true;
    try {
      const answer = await this._try([...this.moves, this._move(drag.car, target.row, target.before, target.time)]);
      drag.felt = { ...target, answer };
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      return; // dropping asks again, and says what is wrong
    } finally {
      drag.asking = false;
    }
    if (this.drag === drag) this.follow(drag.x, drag.y);
  }

  /** What the ghost looks like: no, doubtful, yes; undefined while it is not known. */
  get feeling() {
    if (!this.drag?.target) return undefined;
    if (this.drag.target.refused) return "hard";
    const felt = this.drag.felt;
    if (!felt || !this._samePlace(felt, this.drag.target)) return undefined;
    return felt.answer.hard_count ? "hard" : felt.answer.soft_count ? "soft" : "good";
  }

  /** Let go: the move is made, unless it cannot be. */
  drop() {
    const drag = this.drag;
    this.drag = null;
    this.gantt.tell("");
    if (!drag?.target) return;
    if (drag.target.refused) {
      this.gantt.say(drag.target.refused);
      return this.gantt._draw();
    }
    if (this._stays(drag)) return this.gantt._draw();
    this.make(drag.car, drag.target.row, drag.target.before, drag.target.time);
  }

  /** Whether two targets are one: in front of the same bar of the same row, and at one time where bars wait for it. */
  _samePlace(one, other) {
    if (one.before !== other.before || one.row !== other.row) return false;
    return one.time === other.time || !waits(this.gantt.board.rows[one.row]);
  }

  /** Whether a bar is dropped where it is. */
  _stays({ i, target }) {
    const b = this.gantt.board;
    if (i < 0 || b.row[i] !== target.row) return false;
    if (waits(b.rows[target.row]) && Math.abs(target.time - b.start[i]) >= SNAP_S) return false;
    return target.before < 0 ? i + 1 === b.firstOfRow[target.row + 1] : target.before === i + 1;
  }

  /** Drop a car of the tray at a place of the canvas. */
  dropCar(car, x, y) {
    const row = this.gantt.board.rows.findIndex((one) => one.order === "assembly");
    if (this.gantt.rowAt(y) !== row) return this.gantt.say(t("Drop it on the assembly line: the lines before it follow."));
    this.drag = { i: -1, car, row, grab: 0 };
    this.drag.target = this.target(x);
    this.drop();
  }

  /** Put a car in front of the chosen bar of the assembly line, or at the end. */
  place(car) {
    const b = this.gantt.board;
    const row = b.rows.findIndex((one) => one.order === "assembly");
    const chosen = this.gantt.selected;
    const before = chosen >= 0 && b.row[chosen] === row && !b.held(chosen) ? chosen : -1;
    this.make(car, row, before);
  }

  /** Move the chosen bar one place earlier (-1) or later (+1). */
  nudge(i, by) {
    const why = this.refusal(i);
    if (why) return this.gantt.say(why);
    const b = this.gantt.board;
    const last = b.firstOfRow[b.row[i] + 1];
    const before = by < 0 ? i - 1 : i + 2;
    if (by < 0 && (before < b.firstOfRow[b.row[i]] || b.held(before))) {
      return this.gantt.say(t("Nothing comes before what is frozen."));
    }
    if (by > 0 && i + 1 >= last) return this.gantt.say(t("It is the last one."));
    this.make(b.car[i], b.row[i], before < last ? before : -1, by > 0 ? b.lock(i)?.from : undefined);
  }

  /** Put the chosen die lot or weld start a quarter of an hour earlier (-1) or later (+1); it does not start before. */
  wait(i, by) {
    const why = this.refusal(i);
    if (why) return this.gantt.say(why);
    const b = this.gantt.board;
    const row = b.row[i];
    if (!waits(b.rows[row])) return this.gantt.say(t("On this line a place is a time: move it with Shift and an arrow."));
    const time = Math.max(b.frozenUntil, Math.round((b.start[i] + by * STEP_S) / SNAP_S) * SNAP_S);
    const before = this._firstFrom(row, time, b.car[i]);
    if (before >= 0 && b.held(before)) return this.gantt.say(t("Nothing comes before what is frozen."));
    this.make(b.car[i], row, before, time);
  }

  /** Move the chosen die lot to the press above (-1) or below (+1), in front of what starts there then. */
  shift(i, by) {
    const why = this.refusal(i);
    if (why) return this.gantt.say(why);
    const b = this.gantt.board;
    const row = b.row[i] + by;
    if (b.rows[b.row[i]].order !== "press" || b.rows[row]?.order !== "press") return this.gantt.say(t("There is no other line that can do this."));
    let before = b.firstOfRow[row];
    const last = b.firstOfRow[row + 1];
    while (before < last && (b.held(before) || b.start[before] < b.start[i])) before++;
    this.make(b.car[i], row, before < last ? before : -1, b.lock(i)?.from);
  }

  /** Lock a bar's start or unlock it, for every planner and every plan to come; `whole`: its car in paint and assembly. */
  async lock(i, { whole = false } = {}) {
    const b = this.gantt.board;
    const row = b.rows[b.row[i]];
    const own = b.ofOrder.get(b.order[i]).map((k) => b.lock(k)).filter((lock) => lock?.id);
    const locks = whole ? own : own.filter((lock) => lock.bar === b.id[i]);
    if (locks.length) return this._unlock(locks, b.label[i]);
    if (!row.order) return this.gantt.say(t("This line follows the assembly line; lock the car there."));
    if (b.held(i)) return this.gantt.say(this.refusal(i));
    const lot = row.order === "press";
    const wish = lot ? { lots: [b.car[i]] } : { cars: [b.car[i]], line: whole ? null : row.id };
    await this._lock([wish], t("%(car)s is locked", { car: b.label[i] }));
  }

  /** Lock all that starts in view on the line of a bar; unlock it where all of it is locked. */
  async lockView(i) {
    const b = this.gantt.board;
    const row = i >= 0 ? b.row[i] : b.rows.findIndex((one) => one.order === "assembly");
    if (!b.rows[row]?.order) return this.gantt.say(t("This line follows the assembly line; lock the car there."));
    const { from, width, perPx } = this.gantt.view;
    const [begin, end] = [Math.max(from, b.frozenUntil), from + width * perPx];
    const [first, last] = b.visible(row, begin, end);
    const bars = Array.from({ length: last - first }, (_, k) => first + k).filter((k) => b.start[k] >= begin && b.start[k] <= end && !b.held(k));
    if (!bars.length) return this.gantt.say(t("Nothing in view can be locked."));
    const locks = bars.map((k) => b.lock(k)).filter((lock) => lock?.id);
    if (locks.length === bars.length) return this._unlock(locks, t("%(n)s starts", { n: locks.length }));
    const wish = { line: b.rows[row].id, from_at: instant(begin), to_at: instant(end) };
    await this._lock([wish], t("%(n)s starts are locked", { n: bars.length }));
  }

  async _lock(wishes, said) {
    try {
      for (const wish of wishes) await call("POST", "/api/plan/locks", wish);
      this.gantt.say(said);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.gantt.say(problem.message);
    }
    await this.gantt.load();
  }

  async _unlock(locks, what) {
    const wishes = locks.map((lock) => {
      const b = this.gantt.board;
      const i = b.index.get(lock.bar);
      const lot = b.rows[b.row[i]].order === "press";
      const what = lot ? { lots: [b.car[i]] } : { cars: [b.car[i]], line: lock.bar.split("/")[0] };
      return { ...what, from_at: instant(lock.from), to_at: lock.to && instant(lock.to) };
    });
    try {
      await call("POST", "/api/plan/locks/ended", { ids: locks.map((lock) => lock.id) });
      this.unlocked.push(wishes);
      this.gantt.say(t("%(car)s is free; Z locks it again", { car: what }));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.gantt.say(problem.message);
    }
    await this.gantt.load();
    this._tell();
  }

  make(car, row, before, time) {
    this.moves.push(this._move(car, row, before, time));
    this.undone = [];
    this.retry();
  }

  undo() {
    if (!this.moves.length && this.unlocked.length) return this._lock(this.unlocked.pop(), t("Locked again")).then(() => this._tell());
    if (!this.moves.length) return this.gantt.say(t("Nothing to undo"));
    this.undone.push(this.moves.pop());
    this.retry();
  }

  redo() {
    if (!this.undone.length) return this.gantt.say(t("Nothing to redo"));
    this.moves.push(this.undone.pop());
    this.retry();
  }

  /** Try all moves again: after a move, an undo, or when the plan in force or its locks are others. */
  async retry() {
    const turn = ++this.turn;
    const began = performance.now();
    if (!this.moves.length) {
      this.answer = null;
      this.gantt.showTrial(null);
      return this._tell();
    }
    try {
      const answer = await this._try(this.moves);
      if (turn !== this.turn) return;
      this.answer = answer;
      this.gantt.showTrial(answer);
      this.gantt.paintNow();
      this.gantt.dataset.dropMs = (performance.now() - began).toFixed(1);
      this.gantt.say(verdict(answer));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (turn !== this.turn) return;
      this.undone.push(...this.moves.splice(-1));
      this.gantt.dispatchEvent(new CustomEvent("board-error", { bubbles: true, detail: problem.message }));
    }
    this._tell();
  }

  async publish(note) {
    return call("POST", "/api/plan/board/moves", { moves: this.moves, note });
  }

  _try(moves) {
    return call("POST", "/api/plan/board/tries", { moves });
  }

  _move(car, row, before, time) {
    const b = this.gantt.board;
    const { order, id } = b.rows[row];
    const move = { car, line: order, at: id, before: before < 0 ? null : b.car[before] };
    return waits(b.rows[row]) && time !== undefined ? { ...move, not_before: instant(time) } : move;
  }

  _tell() {
    this.gantt.dispatchEvent(new CustomEvent("hand", { bubbles: true, detail: this }));
  }
}

/** Whether a bar of a row can wait for a time: on the paced lines the place in the order says when. */
function waits(row) {
  return row.order === "press" || row.order === "weld";
}

/** Seconds since the epoch as the API reads them. */
function instant(seconds) {
  return new Date(seconds * 1000).toISOString();
}

/** A trial in one line. */
function verdict(answer) {
  const words = [];
  if (answer.hard_count) words.push(t("conflicts: %(n)s", { n: answer.hard_count }));
  if (answer.soft_count) words.push(t("warnings: %(n)s", { n: answer.soft_count }));
  if (!words.length) words.push(t("it fits"));
  const late = Object.values(answer.late);
  if (late.length) words.push(t("late cars: %(n)s, at most %(time)s", { n: late.length, time: duration(Math.max(...late)) }));
  return words.join(" · ");
}
