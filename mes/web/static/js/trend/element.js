// <mes-trend src="…"> — values of a station over a day: one panel a value, one time axis for all.
//
// The mean of each minute is a line, the lowest and highest a band, limits are dotted. Where values are
// missing for a known cause the panel is hatched; where nothing was measured the line simply stops.
// Zoomed in, the part in view is asked for again as fine as its pixels: second by second.
// Keys: ←/→ step by step (a minute, zoomed in a second) · Shift ten · +/− zoom · PageUp/PageDown pan · End all. Attributes: src, refresh.

import { call, Problem } from "../api.js";
import { readTheme, stripes } from "../gantt/colours.js";
import { duration, t } from "../i18n.js";
import { day, minute, offset, second } from "../plant-time.js";
import { toast } from "../toast.js";

const PANEL = 150;
const AXIS = 40;
const LEFT = 64;
const JOIN_S = 300;
const STEPS = [10, 60, 300, 600, 1800, 3600, 7200, 14400, 21600];
const REST_MS = 10_000;
const SETTLED_MS = 150;
const FINEST = 0.1;

class MesTrend extends HTMLElement {
  connectedCallback() {
    this.classList.add("trend");
    this.innerHTML = '<div class="trend-plane"><canvas></canvas><div class="gantt-tip" hidden></div></div><p class="visually-hidden" aria-live="polite"></p>';
    this.plane = this.firstElementChild;
    this.canvas = this.plane.querySelector("canvas");
    this.tip = this.plane.querySelector(".gantt-tip");
    this.said = this.lastElementChild;
    this.plane.tabIndex = 0;
    this.plane.setAttribute("role", "application");
    this.plane.setAttribute("aria-label", t("Trends: arrow keys go from minute to minute, plus and minus zoom, End shows all"));
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.gone = new AbortController();
    const on = (target, type, listener, options = {}) => target.addEventListener(type, listener, { signal: this.gone.signal, ...options });
    on(this.plane, "wheel", (event) => this._wheel(event), { passive: false });
    on(this.plane, "pointerdown", (event) => {
      this.plane.setPointerCapture(event.pointerId);
      this.drag = { x: event.clientX, from: this.from };
    });
    on(this.plane, "pointermove", (event) => this._move(event));
    on(this.plane, "pointerup", () => (this.drag = null));
    on(this.plane, "pointerleave", () => this._point(null));
    on(this.plane, "keydown", (event) => this._key(event));
    on(document, "theme", () => this._theme());
    on(document, "plant-nudge", () => {
      if (this.hasAttribute("refresh") && performance.now() - (this.fetched || 0) > REST_MS) this.load();
    });
    this.sizes = new ResizeObserver(() => this._size());
    this.sizes.observe(this.plane);
    this._theme();
    this.load();
  }

  disconnectedCallback() {
    this.gone.abort();
    clearTimeout(this.settling);
    this.sizes.disconnect();
  }

  async load() {
    this.fetched = performance.now();
    try {
      const first = !this.data;
      this.data = await call("GET", this.getAttribute("src"));
      this.detail = null;
      if (first) this.fit();
      this._size();
      this._gaps();
      this._settle();
      performance.mark("trend-drawn");
      this.dataset.shown = this.data.tags.map((tag) => tag.times.length).join(" ");
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      toast(problem.message, "bad");
    }
  }

  /** What is drawn: the part in view when it is here more finely, else the day. */
  _shown() {
    const [from, to] = this._view();
    return this.detail && this.detail.from <= from && this.detail.to >= to ? this.detail : this.data;
  }

  /** What can be seen of the day, seconds since the epoch. */
  _view() {
    const until = this.from + (this._width() - LEFT) * this.perPx;
    return [Math.max(this.data.from, Math.floor(this.from)), Math.min(this.data.to, Math.ceil(until))];
  }

  /** Once the view rests, ask for it with half of its width on both sides. */
  _settle() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this._refine(), SETTLED_MS);
  }

  async _refine() {
    if (!this.data) return;
    const [from, to] = this._view();
    const px = Math.round(2 * (this._width() - LEFT));
    if (to <= from || to - from > px || this._shown() !== this.data) return;
    const room = Math.ceil((to - from) / 2);
    const part = `&from=${Math.max(this.data.from, from - room)}&to=${Math.min(this.data.to, to + room)}`;
    try {
      this.detail = await call("GET", `${this.getAttribute("src")}${part}&px=${Math.min(8000, Math.max(100, px))}`);
      this.dataset.step = this.detail.step;
      this._draw();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
  }

  /** Show the whole day, or as far as it has come. */
  fit() {
    const until = Math.min(this.data.to, Math.max(this.data.now, this.data.from + 3600));
    const begun = Math.min(until - 3600, ...this.data.tags.flatMap((tag) => [tag.times[0] ?? until, tag.gaps[0]?.from ?? until]));
    this.from = Math.max(this.data.from, Math.floor(begun / 3600) * 3600);
    this.perPx = Math.max(1, (until - this.from) / Math.max(1, this._width() - LEFT));
    this._draw();
  }

  zoom(factor, x = this._width() / 2) {
    const at = this.from + (x - LEFT) * this.perPx;
    this.perPx = Math.min((this.data.to - this.data.from) / (this._width() - LEFT), Math.max(FINEST, this.perPx * factor));
    this.from = at - (x - LEFT) * this.perPx;
    this._draw();
  }

  _width() {
    return this.plane.clientWidth;
  }

  _theme() {
    this.theme = readTheme(this);
    this.hatch = stripes(this.context, this.theme.hatch, 8, 2);
    this._size();
  }

  _size() {
    const tags = this.data?.tags.length ?? Number(this.getAttribute("tags") || 1);
    const [width, height] = [this._width(), AXIS + tags * PANEL];
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this._paint();
  }

  _draw() {
    this._settle();
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this._paint();
    });
  }

  _x(time) {
    return LEFT + (time - this.from) / this.perPx;
  }

  _paint() {
    const { context: c, theme } = this;
    const width = this._width();
    c.fillStyle = theme.surface;
    c.fillRect(0, 0, width, this.canvas.height);
    c.textBaseline = "middle";
    if (!this.data) {
      c.fillStyle = theme.text2;
      c.font = `500 13px ${theme.font}`;
      c.fillText(t("Fetching values …"), 16, AXIS + 20);
      return;
    }
    this._axis(width);
    const shown = this._shown();
    shown.tags.forEach((tag, n) => this._panel(tag, shown.step, this.data.tags[n], AXIS + n * PANEL, width));
    if (this.at) {
      c.fillStyle = theme.now;
      c.fillRect(Math.round(this._x(this.at)), AXIS, 1, this.data.tags.length * PANEL);
    }
  }

  _axis(width) {
    const { context: c, theme } = this;
    const step = STEPS.find((s) => s / this.perPx >= 70) || STEPS.at(-1);
    const shift = offset(this.from * 1000) / 1000;
    c.font = `500 11.5px ${theme.font}`;
    for (let at = Math.floor((this.from + shift) / step) * step - shift; this._x(at) < width; at += step) {
      const x = Math.round(this._x(at));
      if (x < LEFT) continue;
      c.fillStyle = theme.line;
      c.fillRect(x, AXIS - 6, 1, this.data.tags.length * PANEL + 6);
      c.fillStyle = theme.text2;
      if (x + 48 < width) c.fillText(step < 60 ? second(at * 1000) : minute(at * 1000), x + 4, 28);
    }
    c.font = `620 11.5px ${theme.font}`;
    c.fillStyle = theme.text;
    c.fillText(day(this.data.from * 1000 + 1000), 8, 11);
  }

  /** The lowest and highest value to draw: what was measured, the limits, and a little room. */
  _range(tag) {
    const known = [...tag.lows, ...tag.highs].filter((v) => v !== null);
    for (const limit of [tag.low, tag.high]) if (limit !== null) known.push(limit);
    if (!known.length) known.push(tag.nominal);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const room = (high - low || Math.abs(high) || 1) * 0.08;
    return [low - room, high + room];
  }

  _panel(tag, step, whole, top, width) {
    const { context: c, theme } = this;
    const [bottom, ceiling] = [top + PANEL - 8, top + 26];
    const [low, high] = this._range(whole);
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - ceiling);
    c.fillStyle = theme.line;
    c.fillRect(0, top + PANEL - 1, width, 1);
    c.save();
    c.beginPath();
    c.rect(LEFT, top, width - LEFT, PANEL);
    c.clip();
    for (const gap of whole.gaps) {
      const [left, right] = [Math.max(LEFT, this._x(gap.from)), Math.min(width, Math.max(this._x(gap.to), this._x(gap.from) + 3))];
      if (right <= LEFT || left >= width) continue;
      c.fillStyle = theme.sunken;
      c.fillRect(left, ceiling, right - left, bottom - ceiling);
      c.fillStyle = this.hatch;
      c.fillRect(left, ceiling, right - left, bottom - ceiling);
      c.font = `500 11px ${theme.font}`;
      if (right - left > c.measureText(gap.cause).width + 12) {
        const room = c.measureText(gap.cause).width + 10;
        c.fillStyle = theme.surface;
        c.fillRect(left + 4, ceiling + 4, room, 17);
        c.fillStyle = theme.text;
        c.fillText(gap.cause, left + 9, ceiling + 13);
      }
    }
    c.setLineDash([4, 4]);
    c.lineWidth = 1;
    for (const [limit, colour] of [[tag.low, theme.bad], [tag.high, theme.bad], [tag.nominal, theme.text3]]) {
      if (limit === null) continue;
      c.strokeStyle = colour;
      c.beginPath();
      c.moveTo(LEFT, y(limit));
      c.lineTo(width, y(limit));
      c.stroke();
    }
    c.setLineDash([]);
    for (const run of this._runs(tag, step)) this._run(tag, step, run, y);
    c.restore();
    c.fillStyle = theme.text;
    c.font = `620 12.5px ${theme.font}`;
    c.fillText(`${tag.label} (${tag.unit})`, 8, top + 13);
    c.font = `500 11px ${theme.font}`;
    c.fillStyle = theme.text2;
    for (const limit of [tag.low, tag.nominal, tag.high]) if (limit !== null) c.fillText(String(limit), 8, y(limit));
    if (!whole.times.length && !whole.gaps.length) c.fillText(t("Nothing was measured on this day."), LEFT + 12, (ceiling + bottom) / 2);
  }

  /** Stretches without a hole: a gap, a bad step or five minutes without a value end one. */
  _runs(tag, step) {
    if (tag.runs) return tag.runs;
    const runs = [];
    let run = [];
    const holed = (a, b) => b - a > JOIN_S || tag.gaps.some((gap) => gap.from < b && gap.to > a + step);
    tag.times.forEach((at, i) => {
      if (tag.means[i] === null) return;
      if (run.length && holed(tag.times[run.at(-1)], at)) {
        runs.push(run);
        run = [];
      }
      run.push(i);
    });
    if (run.length) runs.push(run);
    return (tag.runs = runs);
  }

  _run(tag, step, run, y) {
    const { context: c, theme } = this;
    const x = (i) => this._x(tag.times[i] + step / 2);
    c.beginPath();
    run.forEach((i, k) => (k ? c.lineTo(x(i), y(tag.highs[i])) : c.moveTo(x(i) - 1, y(tag.highs[i]))));
    for (const i of [...run].reverse()) c.lineTo(x(i) + 1, y(tag.lows[i]));
    c.closePath();
    c.globalAlpha = 0.22;
    c.fillStyle = theme.accent;
    c.fill();
    c.globalAlpha = 1;
    c.strokeStyle = theme.accent;
    c.lineWidth = 1.5;
    c.beginPath();
    run.forEach((i, k) => (k ? c.lineTo(x(i), y(tag.means[i])) : c.moveTo(x(i) - 1, y(tag.means[i]))));
    c.stroke();
  }

  /** What is known at a moment, in words. */
  describe(at) {
    const shown = this._shown();
    const words = [shown.step < 60 ? second(at * 1000) : minute(at * 1000)];
    for (const tag of shown.tags) {
      const gap = tag.gaps.find((one) => one.from <= at && one.to > at);
      const i = tag.times.findIndex((one) => one <= at && at < one + shown.step);
      if (i >= 0 && tag.means[i] !== null) {
        words.push(`${tag.label} ${number(tag.means[i])} ${tag.unit} (${number(tag.lows[i])}–${number(tag.highs[i])})`);
      } else words.push(`${tag.label}: ${gap ? gap.cause : i >= 0 ? t("bad values") : t("nothing measured")}`);
    }
    return words.join(" · ");
  }

  _point(at, x = 0, y = 0) {
    this.at = at;
    this.tip.hidden = at === null;
    if (at !== null) {
      this.tip.textContent = this.describe(at);
      const left = Math.min(x + 14, this._width() - this.tip.offsetWidth - 6);
      this.tip.style.transform = `translate(${Math.max(4, left)}px, ${y + 16}px)`;
    }
    this._draw();
  }

  _move(event) {
    if (!this.data) return;
    const box = this.canvas.getBoundingClientRect();
    if (this.drag) {
      this.from = this.drag.from - (event.clientX - this.drag.x) * this.perPx;
      return this._draw();
    }
    const x = event.clientX - box.left;
    this._point(x < LEFT ? null : this.from + (x - LEFT) * this.perPx, x, event.clientY - box.top);
  }

  _wheel(event) {
    if (!this.data) return;
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      this.from += (event.deltaX || event.deltaY) * this.perPx;
      return this._draw();
    }
    this.zoom(Math.exp(Math.max(-120, Math.min(120, event.deltaY)) * 0.0022), event.clientX - this.canvas.getBoundingClientRect().left);
  }

  _key(event) {
    if (!this.data || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = 0.6 * this._width() * this.perPx;
    const one = this._shown().step;
    const step = (by) => {
      const at = Math.round(((this.at ?? Math.min(this.data.now, this.data.to)) + by * (event.shiftKey ? 10 : 1) * one) / one) * one;
      if (this._x(at) < LEFT || this._x(at) > this._width()) this.from = at - 0.5 * this._width() * this.perPx;
      this._point(at, this._x(at), AXIS);
      this.said.textContent = this.describe(at);
    };
    const acts = {
      ArrowLeft: () => step(-1),
      ArrowRight: () => step(1),
      "+": () => this.zoom(0.7),
      "=": () => this.zoom(0.7),
      "-": () => this.zoom(1.4),
      PageUp: () => (this.from -= page),
      PageDown: () => (this.from += page),
      End: () => this.fit(),
      Escape: () => this._point(null),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
    this._draw();
  }

  /** The gaps as a table, for who wants to know rather than to see. */
  _gaps() {
    const card = document.getElementById("gaps");
    const rows = new Map();
    for (const tag of this.data.tags) {
      for (const gap of tag.gaps) {
        const key = `${gap.from} ${gap.to} ${gap.cause}`;
        rows.set(key, { ...gap, labels: [...(rows.get(key)?.labels ?? []), tag.label] });
      }
    }
    card.hidden = !rows.size;
    card.querySelector("[data-count]").textContent = rows.size;
    card.querySelector("tbody").replaceChildren(
      ...[...rows.values()].map((gap) => {
        const row = document.createElement("tr");
        const cells = [minute(gap.from * 1000), minute(gap.to * 1000), duration(gap.to - gap.from), gap.cause, gap.labels.join(", ")];
        for (const [n, text] of cells.entries()) {
          const cell = document.createElement("td");
          if (n === 2) cell.className = "num";
          cell.textContent = text;
          row.append(cell);
        }
        return row;
      }),
    );
  }
}

/** Four significant figures; that is what a process value is good for. */
function number(value) {
  return String(Number(value.toPrecision(4)));
}

customElements.define("mes-trend", MesTrend);

const trend = document.getElementById("trend");
const acts = { in: () => trend.zoom(0.6), out: () => trend.zoom(1.6), fit: () => trend.fit() };
for (const button of document.querySelectorAll("[data-trend]")) {
  button.addEventListener("click", () => trend.data && acts[button.dataset.trend]());
}
