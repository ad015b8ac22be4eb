// <mes-gantt src="…"> — the plan board: canvas for the eye, a live region and keys for everybody.
//
// Attributes: src (board JSON), by (color | model | lateness | criticality | option:CODE), refresh (topics), rows and
// curves (how many are to come: the room they take before). Events: `bar-focus` when a bar is chosen and `bar-open`
// when it is opened, detail {id, order}.
// Keys: ←/→ bars of a row · ↑/↓ rows · Enter details · +/− zoom · PageUp/PageDown pan · Home now · Esc;
// while moving by hand: Shift+←/→ one place · Shift+↑/↓ to the other press · comma and full stop a quarter of an
// hour earlier and later · L lock, K its car, Shift+L all in view · Z undo · Y redo (also with Ctrl).

import { call, Problem } from "../api.js";
import { duration, t } from "../i18n.js";
import { day, minute } from "../plant-time.js";
import { palette, readTheme } from "./colours.js";
import { Hand } from "./hand.js";
import { Board } from "./model.js";
import { barBox, CURVE_ROW, HEADER, Painter, ROW } from "./painter.js";

const MIN_PER_PX = 0.5;
const MAX_PER_PX = 1200;

export class MesGantt extends HTMLElement {
  static observedAttributes = ["by", "src"];

  connectedCallback() {
    this.classList.add("gantt");
    this.innerHTML =
      '<div class="gantt-rows" aria-hidden="true"></div>' +
      '<div class="gantt-plane"><canvas></canvas><div class="gantt-tip" hidden></div></div>' +
      '<p class="visually-hidden" aria-live="polite"></p>';
    [this.rowHead, this.plane, this.said] = this.children;
    this.canvas = this.plane.querySelector("canvas");
    this.tip = this.plane.querySelector(".gantt-tip");
    this.plane.tabIndex = 0;
    this.plane.setAttribute("role", "application");
    this.plane.setAttribute("aria-roledescription", t("plan board"));
    this.plane.setAttribute("aria-label", t("Plan board: arrow keys move between bars, Enter opens one, plus and minus zoom, Home goes to now"));
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.view = { from: 0, perPx: 30, width: 0, height: 0 };
    this.selected = -1;
    this.hovered = -1;
    this.hand = new Hand(this);
    this.gone = new AbortController();
    const on = (target, type, listener, options = {}) =>
      target.addEventListener(type, listener, { signal: this.gone.signal, ...options });
    on(this.plane, "wheel", (event) => this._wheel(event), { passive: false });
    on(this.plane, "pointerdown", (event) => this._down(event));
    on(this.plane, "pointermove", (event) => this._move(event));
    on(this.plane, "pointerup", (event) => this._up(event));
    on(this.plane, "pointercancel", () => {
      this.drag = null;
      this.hand.drag = null;
      this.tell("");
      this._draw();
    });
    on(this.plane, "pointerleave", () => this._hover(-1));
    on(this.plane, "dragover", (event) => this.hand.active && event.preventDefault());
    on(this.plane, "drop", (event) => this._dropped(event));
    on(this.plane, "keydown", (event) => this._key(event));
    on(document, "theme", () => this._theme());
    on(document, "plant-nudge", (event) => {
      const mine = (this.getAttribute("refresh") || "").split(" ");
      if (event.detail.topics.some((topic) => mine.includes(topic))) this.load();
    });
    this.sizes = new ResizeObserver(() => this._size());
    this.sizes.observe(this.plane);
    this._theme();
    if (this.getAttribute("src")) this.load();
  }

  disconnectedCallback() {
    this.gone.abort();
    this.sizes.disconnect();
    cancelAnimationFrame(this.frame);
  }

  attributeChangedCallback(name, before, after) {
    if (!this.canvas || before === after) return;
    if (name === "src") this.load();
    else this._recolour();
  }

  /** Fetch the board again; place, zoom and choice stay. */
  async load() {
    if (this.loading) {
      this.again = true;
      return;
    }
    this.loading = true;
    this.toggleAttribute("busy", true);
    try {
      this.setBoard(await call("GET", this.getAttribute("src")));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.dispatchEvent(new CustomEvent("board-error", { bubbles: true, detail: problem.message }));
    } finally {
      this.loading = false;
      this.toggleAttribute("busy", false);
      if (this.again) {
        this.again = false;
        this.load();
      }
    }
  }

  /** Show a board (the JSON of `src`). */
  setBoard(data) {
    const first = !this.board;
    this.base = new Board(data);
    this._take(this.base);
    this._heads();
    this._size();
    if (first) this.show(data.now - 1.5 * 3600, data.now + 6.5 * 3600);
    this._recolour();
    this.dataset.bars = this.board.count;
    this.dispatchEvent(new CustomEvent("board-shown", { bubbles: true, detail: { bars: this.board.count } }));
    if (this.hand.moves.length) this.hand.retry();
    else if (this.hand.active) this.hand.ready();
  }

  /** Show what comes of moves by hand; null shows the plan in force. */
  showTrial(answer) {
    if (!this.base) return;
    this.trial = answer && {
      hard: new Set(answer.hard),
      soft: new Set(answer.soft),
    };
    this._take(answer ? this.base.after(answer) : this.base);
    this._draw();
  }

  _take(board) {
    const chosen = this.board && this.selected >= 0 ? this.board.id[this.selected] : null;
    this.board = board;
    this.selected = chosen === null ? -1 : (this.board.index.get(chosen) ?? -1);
    this.hovered = -1;
    this.colours = palette(this.board, this.by, this.theme);
  }

  /** Say something to who listens, and show it for a moment. */
  say(text) {
    this.said.textContent = text;
    this.dispatchEvent(new CustomEvent("board-said", { bubbles: true, detail: text }));
  }

  /** Show words beside the pointer; empty: nothing. */
  tell(text, x = 0, y = 0) {
    this.tip.hidden = !text;
    if (!text) return;
    this.tip.textContent = text;
    this._tipAt(x, y);
  }

  /** The row at a y of the canvas, or -1. */
  rowAt(y) {
    const row = Math.floor((y - HEADER) / ROW);
    return row >= 0 && row < this.board.rows.length ? row : -1;
  }

  /** Bring a stretch of time into view. */
  show(from, to) {
    this.view.from = from;
    this.view.perPx = Math.min(MAX_PER_PX, Math.max(MIN_PER_PX, (to - from) / Math.max(1, this.view.width)));
    this._draw();
  }

  /** Show all there is. */
  fit() {
    this.show(this.board.from, this.board.to);
  }

  /** Where a bar is on the canvas, by its id (for tests); null when there is none. */
  barRect(id) {
    const i = this.board?.index.get(id);
    return i === undefined ? null : barBox(this.board, this.view, i);
  }

  /** The index of the bar at a place of the canvas, or -1. */
  barAt(x, y) {
    const row = Math.floor((y - HEADER) / ROW);
    if (!this.board || row < 0 || row >= this.board.rows.length) return -1;
    const time = this.view.from + x * this.view.perPx;
    const slack = 1.5 * this.view.perPx;
    const inPlan = (y - HEADER) % ROW < 29;
    const { start, end, actualStart, actualEnd, now } = this.board;
    const [first, last] = this.board.visible(row, time - slack, time + slack);
    for (let i = last - 1; i >= first; i--) {
      const from = inPlan ? start[i] : actualStart[i];
      const to = inPlan ? end[i] : actualEnd[i] || now;
      if (from && time >= from - slack && time <= to + slack) return i;
    }
    return -1;
  }

  /** Choose a bar and bring it into view. */
  focusBar(i, { open = false } = {}) {
    this.selected = i;
    if (i >= 0) {
      const { start, end } = this.board;
      const until = this.view.from + this.view.width * this.view.perPx;
      if (end[i] < this.view.from || start[i] > until) this.view.from = start[i] - 0.3 * this.view.width * this.view.perPx;
      this.said.textContent = this.describe(i);
    }
    this._draw();
    const detail = i < 0 ? null : { id: this.board.id[i], order: this.board.order[i], label: this.board.label[i] };
    this.dispatchEvent(new CustomEvent(open ? "bar-open" : "bar-focus", { bubbles: true, detail }));
  }

  /** A bar in words. */
  describe(i) {
    const b = this.board;
    const times = (from, to) => `${day(from * 1000)} ${minute(from * 1000)}–${minute(to * 1000)}`;
    const words = [b.label[i], b.rows[b.row[i]].name, t("planned %(when)s", { when: times(b.start[i], b.end[i]) })];
    if (b.actualStart[i]) words.push(t("started %(when)s", { when: minute(b.actualStart[i] * 1000) }));
    const color = b.palette.color[b.color[i]]?.name;
    const model = b.palette.model[b.model[i]]?.name;
    if (model) words.push(model);
    if (color) words.push(color);
    const late = b.late[i];
    if (!Number.isNaN(late)) {
      words.push(late > 0 ? t("%(time)s after the promise", { time: duration(late) }) : t("%(time)s in hand", { time: duration(-late) }));
    }
    if (b.frozen[i]) words.push(t("frozen"));
    const lock = b.lock(i);
    if (lock && lock.to === null) {
      const when = `${day(lock.from * 1000)} ${minute(lock.from * 1000)}`;
      words.push(lock.id ? t("not before %(when)s, put there by %(who)s since %(since)s", { when, who: lock.by, since: lock.since }) : t("not before %(when)s", { when }));
    } else if (lock) {
      words.push(t("locked by %(who)s since %(when)s, to start %(window)s", { who: lock.by, when: lock.since, window: times(lock.from, lock.to) }));
      if (!lock.kept) words.push(t("the plan does not keep this lock"));
    }
    return words.join(" · ");
  }

  /** Mark the promise and the need-by date of what is chosen (seconds; 0: none). */
  mark({ promise = 0, needBy = 0 }) {
    this.promise = promise;
    this.needBy = needBy;
    this._draw();
  }

  zoom(factor, x = this.view.width / 2) {
    const at = this.view.from + x * this.view.perPx;
    this.view.perPx = Math.min(MAX_PER_PX, Math.max(MIN_PER_PX, this.view.perPx * factor));
    this.view.from = at - x * this.view.perPx;
    this._draw();
  }

  panBy(px) {
    this.view.from += px * this.view.perPx;
    this._draw();
  }

  toNow() {
    this.view.from = this.board.now - 0.25 * this.view.width * this.view.perPx;
    this._draw();
  }

  /** Draw at once; the painter's cost is what the bench measures. */
  paintNow() {
    if (!this.view.width) return;
    if (!this.board) return this.painter.waiting(this.view);
    this.painter.paint(this.board, this.view, {
      by: this.by,
      palette: this.colours,
      selected: this.selected,
      hovered: this.hovered,
      promise: this.promise,
      needBy: this.needBy,
      ...this.trial,
      ghost: this._ghost(),
    });
  }

  _ghost() {
    const drag = this.hand.drag;
    if (!drag?.target || drag.i < 0 || !this.drag?.moved) return null;
    const box = barBox(this.board, this.view, drag.i);
    return { row: drag.target.row, x: drag.x - drag.grab, width: box.width, before: drag.target.before, feeling: this.hand.feeling };
  }

  _dropped(event) {
    const car = event.dataTransfer.getData("text/c2m-car");
    if (!car || !this.hand.active || !this.board) return;
    event.preventDefault();
    this.hand.dropCar(car, ...this._at(event));
  }

  get by() {
    return this.getAttribute("by") || "color";
  }

  _draw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paintNow();
    });
  }

  _theme() {
    this.theme = readTheme(this);
    this.painter = new Painter(this.context, this.theme);
    if (!this.board) this._size();
    this._recolour();
  }

  _recolour() {
    if (!this.board) return;
    this.colours = palette(this.board, this.by, this.theme);
    this.dispatchEvent(new CustomEvent("legend", { bubbles: true, detail: this.colours }));
    this._draw();
  }

  _heads() {
    const head = (row, height, text, small) => {
      const div = document.createElement("div");
      div.className = `gantt-head h${height}`;
      const name = document.createElement("span");
      name.className = "strong";
      name.textContent = text;
      const note = document.createElement("span");
      note.className = "tiny quiet";
      note.textContent = small;
      div.append(name, note);
      if (row.load !== undefined && row.load !== null) {
        const bar = document.createElement("progress");
        bar.max = 1;
        bar.value = row.load;
        div.append(bar);
      }
      return div;
    };
    this.rowHead.replaceChildren(
      ...this.board.rows.map((row) => head(row, ROW, row.name, row.note || "")),
      ...this.board.curves.map((curve) => head(curve, CURVE_ROW, curve.name, t("holds %(n)s", { n: curve.capacity }))),
    );
  }

  _size() {
    const rows = this.board ? this.board.rows.length : Number(this.getAttribute("rows"));
    const curves = this.board ? this.board.curves.length : Number(this.getAttribute("curves"));
    const height = HEADER + rows * ROW + curves * CURVE_ROW;
    const width = this.plane.clientWidth;
    const ratio = Math.min(2, devicePixelRatio || 1);
    if (width === this.view.width && height === this.view.height) return;
    this.view.width = width;
    this.view.height = height;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.paintNow();
  }

  _at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  _wheel(event) {
    if (!this.board) return;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    event.preventDefault();
    if (sideways) this.panBy(event.deltaX || event.deltaY);
    else this.zoom(Math.exp(Math.max(-120, Math.min(120, event.deltaY)) * 0.0022), this._at(event)[0]);
  }

  _down(event) {
    if (!this.board || event.button) return;
    this.plane.setPointerCapture(event.pointerId);
    this.drag = { x: event.clientX, from: this.view.from, moved: false };
    if (!this.hand.active) return;
    const [x, y] = this._at(event);
    const i = this.barAt(x, y);
    if (i >= 0) this.drag.bar = i;
  }

  _move(event) {
    if (!this.board) return;
    if (this.drag) {
      const px = event.clientX - this.drag.x;
      if (Math.abs(px) > 3 && !this.drag.moved) {
        this.drag.moved = true;
        if (this.drag.bar !== undefined && !this.hand.take(this.drag.bar, this._at(event)[0] - px)) this.drag.refused = true;
      }
      if (this.drag.refused) return;
      if (this.drag.moved && this.hand.drag) return this.hand.follow(...this._at(event));
      if (this.drag.moved) {
        this.view.from = this.drag.from - px * this.view.perPx;
        this.tip.hidden = true;
        this._draw();
      }
      return;
    }
    const [x, y] = this._at(event);
    this._hover(this.barAt(x, y), x, y);
  }

  _up(event) {
    const drag = this.drag;
    this.drag = null;
    if (this.hand.drag) return this.hand.drop();
    if (!drag || drag.moved) return;
    const [x, y] = this._at(event);
    this.focusBar(this.barAt(x, y), { open: true });
  }

  _hover(i, x = 0, y = 0) {
    if (i !== this.hovered) {
      this.hovered = i;
      this._draw();
      if (i >= 0) this.tip.textContent = this.describe(i);
    }
    this.tip.hidden = i < 0;
    this.plane.classList.toggle("on-bar", i >= 0);
    if (i >= 0) this._tipAt(x, y);
  }

  _tipAt(x, y) {
    const left = Math.min(x + 14, this.view.width - this.tip.offsetWidth - 6);
    const below = y + 18 + this.tip.offsetHeight < this.view.height;
    this.tip.style.transform = `translate(${Math.max(4, left)}px, ${below ? y + 16 : y - this.tip.offsetHeight - 10}px)`;
  }

  _key(event) {
    if (!this.board || event.altKey) return;
    if (this.hand.active && this._handKey(event)) return event.preventDefault();
    if (event.ctrlKey || event.metaKey) return;
    const page = 0.6 * this.view.width;
    const acts = {
      ArrowRight: () => this._step(1),
      ArrowLeft: () => this._step(-1),
      ArrowDown: () => this._stepRow(1),
      ArrowUp: () => this._stepRow(-1),
      Enter: () => this.selected >= 0 && this.focusBar(this.selected, { open: true }),
      Escape: () => this.focusBar(-1),
      "+": () => this.zoom(0.7),
      "=": () => this.zoom(0.7),
      "-": () => this.zoom(1.4),
      PageDown: () => this.panBy(page),
      PageUp: () => this.panBy(-page),
      Home: () => this.toNow(),
      End: () => this.fit(),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** Keys of moving by hand; true when one was meant. */
  _handKey(event) {
    const key = event.key.toLowerCase();
    const chosen = this.selected;
    if (key === "z" && !event.shiftKey) this.hand.undo();
    else if (key === "y" || key === "z") this.hand.redo();
    else if (event.ctrlKey || event.metaKey) return false;
    else if (key === "l" && event.shiftKey) this.hand.lockView(chosen);
    else if (key === "l" && chosen >= 0) this.hand.lock(chosen);
    else if (key === "k" && chosen >= 0) this.hand.lock(chosen, { whole: true });
    else if (event.shiftKey && key === "arrowleft" && chosen >= 0) this.hand.nudge(chosen, -1);
    else if (event.shiftKey && key === "arrowright" && chosen >= 0) this.hand.nudge(chosen, 1);
    else if (key === "." && chosen >= 0) this.hand.wait(chosen, 1);
    else if (key === "," && chosen >= 0) this.hand.wait(chosen, -1);
    else if (event.shiftKey && key === "arrowup" && chosen >= 0) this.hand.shift(chosen, -1);
    else if (event.shiftKey && key === "arrowdown" && chosen >= 0) this.hand.shift(chosen, 1);
    else return false;
    return true;
  }

  _step(by) {
    const { firstOfRow, row } = this.board;
    if (this.selected < 0) return this.focusBar(this._nearNow());
    const next = this.selected + by;
    if (next >= firstOfRow[row[this.selected]] && next < firstOfRow[row[this.selected] + 1]) this.focusBar(next);
  }

  _stepRow(by) {
    if (this.selected < 0) return this.focusBar(this._nearNow());
    for (let row = this.board.row[this.selected] + by; row >= 0 && row < this.board.rows.length; row += by) {
      const i = this._nearest(row, this.board.start[this.selected]);
      if (i >= 0) return this.focusBar(i);
    }
  }

  /** The bar nearest to now on the first row that has any. */
  _nearNow() {
    for (let row = 0; row < this.board.rows.length; row++) {
      const i = this._nearest(row, this.board.now);
      if (i >= 0) return i;
    }
    return -1;
  }

  _nearest(row, time) {
    const { firstOfRow, start } = this.board;
    let best = -1;
    for (let i = firstOfRow[row]; i < firstOfRow[row + 1]; i++) {
      if (best < 0 || Math.abs(start[i] - time) < Math.abs(start[best] - time)) best = i;
    }
    return best;
  }
}

customElements.define("mes-gantt", MesGantt);
