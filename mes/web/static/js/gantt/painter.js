// Draws the board. A row has a band above for the plan (outline) and one below for what happened (filled).

import { t } from "../i18n.js";
import { day, minute, offset } from "../plant-time.js";
import { inkOn, stripes } from "./colours.js";

export const HEADER = 44;
export const ROW = 46;
export const CURVE_ROW = 34;
const PLAN = { top: 5, height: 22 };
const ACTUAL = { top: 30, height: 10 };
const STEPS = [60, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800];

export class Painter {
  constructor(context, theme) {
    this.context = context;
    this.theme = theme;
    this.unknown = stripes(context, theme.hatch, 8, 2);
    this.down = stripes(context, theme.bad, 7, 2);
    this.lateInk = stripes(context, "rgba(255,255,255,0.75)", 6, 1.6);
  }

  /** Draw a frame. `view`: {from, perPx, width, height}; `look`: {by, palette, selected, hovered}. */
  paint(board, view, look) {
    const { context: c, theme } = this;
    c.fillStyle = theme.surface;
    c.fillRect(0, 0, view.width, view.height);
    this._shading(board, view);
    this._grid(view);
    this._bars(board, view, look);
    if (look.hard) this._conflicts(board, view, look);
    if (board.locks.size) this._locks(board, view);
    this._curves(board, view);
    this._axis(view);
    if (look.ghost) this._ghost(board, view, look.ghost);
    this._marks(board, view, look);
  }

  /** An empty board while its bars are fetched. */
  waiting(view) {
    const { context: c, theme } = this;
    c.fillStyle = theme.surface;
    c.fillRect(0, 0, view.width, view.height);
    c.fillStyle = theme.sunken;
    for (let y = HEADER; y < view.height; y += ROW) c.fillRect(0, y + PLAN.top, view.width, PLAN.height);
    c.fillStyle = theme.text2;
    c.font = `500 13px ${theme.font}`;
    c.textBaseline = "middle";
    c.fillText(t("Fetching the plan …"), 16, HEADER / 2);
  }

  x(view, time) {
    return (time - view.from) / view.perPx;
  }

  _span(view, from, to) {
    const left = Math.max(-4, this.x(view, from));
    return [left, Math.min(view.width + 4, this.x(view, to)) - left];
  }

  _shading(board, view) {
    const { context: c, theme } = this;
    const shade = (spans, fill, top, height) => {
      c.fillStyle = fill;
      for (const span of spans) {
        const [left, width] = this._span(view, span.from, span.to);
        if (width > 0) c.fillRect(left, HEADER + span.row * ROW + top, width, height);
      }
    };
    shade(board.closed, theme.sunken, 0, ROW);
    shade(board.unknown, this.unknown, ACTUAL.top, ACTUAL.height);
    shade(board.down, this.down, ACTUAL.top, ACTUAL.height);
    c.fillStyle = theme.line;
    for (let row = 0; row <= board.rows.length; row++) c.fillRect(0, HEADER + row * ROW - 1, view.width, 1);
  }

  _bars(board, view, look) {
    const { theme } = this;
    const until = view.from + view.width * view.perPx;
    const group = this._groups(board, look.by);
    const fills = look.palette.map((p) => p.fill || theme.mute);
    const inks = fills.map(inkOn);
    for (let row = 0; row < board.rows.length; row++) {
      const y = HEADER + row * ROW;
      const [first, last] = board.visible(row, view.from, until);
      this._band(board, view, first, last, y, fills, inks, group);
    }
  }

  /** The palette index of every bar; null when lateness is asked of the board bar by bar. */
  _groups(board, by) {
    if (by === "criticality") return board.criticalities();
    if (!by.startsWith("option:")) return { color: board.color, model: board.model }[by] || null;
    if (board.optionShown !== by) {
      const option = board.palette.option.findIndex((one) => one.key === by.slice(7));
      board.optionShown = by;
      board.withOption = Uint8Array.from(board.options, (_, i) => board.has(i, option));
    }
    return board.withOption;
  }

  _band(board, view, first, last, y, fills, inks, group) {
    const { context: c, theme } = this;
    const perPx = view.perPx;
    const width = view.width;
    let previous = -1;
    let planPixel = -1;
    let actualPixel = -1;
    const labelled = [];
    for (let i = first; i < last; i++) {
      const key = group ? group[i] : board.lateness(i);
      const left = (board.start[i] - view.from) / perPx;
      const size = (board.end[i] - board.start[i]) / perPx;
      const actual = board.actualStart[i];
      const planSeen = left < width && left + size > 0 && (size >= 1 || Math.floor(left) !== planPixel);
      if (key !== previous && (planSeen || actual)) {
        c.fillStyle = fills[key];
        previous = key;
      }
      if (planSeen) {
        planPixel = Math.floor(left);
        const drawn = size > 3 ? size - 1 : Math.max(size, 0.8);
        if (drawn < 7) c.fillRect(left, y + PLAN.top, drawn, PLAN.height);
        else {
          c.globalAlpha = 0.34;
          c.fillRect(left, y + PLAN.top, drawn, PLAN.height);
          c.globalAlpha = 1;
          c.fillRect(left, y + PLAN.top, drawn, 4);
          labelled.push(i);
        }
      }
      if (actual) {
        const at = (actual - view.from) / perPx;
        const long = ((board.actualEnd[i] || board.now) - actual) / perPx;
        if (at < width && at + long > 0 && (long >= 1 || Math.floor(at) !== actualPixel)) {
          actualPixel = Math.floor(at);
          c.fillRect(at, y + ACTUAL.top, long > 3 ? long - 1 : Math.max(long, 0.8), ACTUAL.height);
        }
      }
    }
    c.fillStyle = theme.strong;
    c.globalAlpha = 0.45;
    c.fillRect(0, y + PLAN.top, width, 1);
    c.fillRect(0, y + PLAN.top + PLAN.height - 1, width, 1);
    c.globalAlpha = 1;
    if (labelled.length) this._details(board, view, labelled, y, group, theme);
  }

  /** A lock at each locked bar; a red one in a frame where the bar starts outside its window. A bar put in time has a stop. */
  _locks(board, view) {
    const { context: c, theme } = this;
    for (const id of board.locks.keys()) {
      const i = board.index.get(id);
      if (i === undefined) continue;
      const box = barBox(board, view, i);
      if (box.x + box.width < 0 || box.x > view.width) continue;
      const { kept, from, to } = board.lock(i);
      if (to === null) {
        this._stop(this.x(view, from), box, kept);
        continue;
      }
      if (!kept) {
        c.strokeStyle = theme.bad;
        c.lineWidth = 2;
        c.strokeRect(box.x, box.y - 1, Math.max(2, box.width), box.height + 2);
      }
      this._lock(box.x + Math.max(0, box.width / 2 - 4), box.y + box.height + 1, kept ? theme.text : theme.bad);
    }
  }

  /** The time before which a bar does not start: a post with an arrow, up to the bar. */
  _stop(x, box, kept) {
    const { context: c, theme } = this;
    c.fillStyle = kept ? theme.text : theme.bad;
    c.fillRect(x - 1, box.y - 3, 2.5, box.height + 12);
    c.beginPath();
    c.moveTo(x + 1.5, box.y + box.height + 2);
    c.lineTo(x + 8, box.y + box.height + 5.5);
    c.lineTo(x + 1.5, box.y + box.height + 9);
    c.fill();
  }

  /** Frames of conflicts: red and striped for what cannot be, amber for what should not be. */
  _conflicts(board, view, look) {
    const { context: c, theme } = this;
    const until = view.from + view.width * view.perPx;
    for (let row = 0; row < board.rows.length; row++) {
      const [first, last] = board.visible(row, view.from, until);
      for (let i = first; i < last; i++) {
        const hard = look.hard.has(board.car[i]);
        if (!hard && !look.soft.has(board.car[i])) continue;
        const box = barBox(board, view, i);
        if (hard) {
          c.fillStyle = this.down;
          c.fillRect(box.x, box.y, box.width, box.height);
        }
        c.strokeStyle = hard ? theme.bad : theme.warn;
        c.lineWidth = hard ? 2.5 : 2;
        c.strokeRect(box.x, box.y - 1, box.width, box.height + 2);
      }
    }
  }

  /** The bar under the pointer, and where it would go. */
  _ghost(board, view, ghost) {
    const { context: c, theme } = this;
    const y = HEADER + ghost.row * ROW + PLAN.top;
    const colour = { hard: theme.bad, soft: theme.warn, good: theme.good }[ghost.feeling] || theme.accent;
    c.fillStyle = colour;
    c.globalAlpha = 0.35;
    c.fillRect(ghost.x, y, ghost.width, PLAN.height);
    c.globalAlpha = 1;
    if (ghost.feeling === "hard") {
      c.fillStyle = this.down;
      c.fillRect(ghost.x, y, ghost.width, PLAN.height);
    }
    c.strokeStyle = colour;
    c.lineWidth = 2;
    c.strokeRect(ghost.x, y, ghost.width, PLAN.height);
    if (ghost.before >= 0) {
      const x = this.x(view, board.start[ghost.before]);
      c.fillRect(x - 2, y - 5, 3, PLAN.height + 10);
    }
  }

  _details(board, view, indices, y, group, theme) {
    const { context: c } = this;
    const boxes = indices.map((i) => [
      (board.start[i] - view.from) / view.perPx,
      (board.end[i] - board.start[i]) / view.perPx - 1,
      i,
    ]);
    c.lineWidth = 1;
    c.strokeStyle = theme.strong;
    c.beginPath();
    for (const [left, size] of boxes) c.rect(Math.round(left) + 0.5, y + PLAN.top + 0.5, Math.max(1, Math.round(size) - 1), PLAN.height - 1);
    c.stroke();
    if (!group || group === board.critical) {
      c.fillStyle = this.lateInk;
      const late = (i) => (group ? group[i] === 4 : board.lateness(i) === 3);
      for (const [left, size, i] of boxes) if (late(i)) c.fillRect(left, y + PLAN.top, size, PLAN.height);
    }
    c.fillStyle = theme.text;
    c.font = `560 11px ${theme.font}`;
    c.textBaseline = "middle";
    const middle = y + PLAN.top + PLAN.height / 2 + 2.5;
    for (const [left, size, i] of boxes) {
      const locked = board.frozen[i] && size >= 15;
      if (locked) this._lock(left + 4, middle - 5);
      const room = size - (locked ? 18 : 8);
      const label = board.label[i];
      if (room > label.length * 6.4) c.fillText(label, Math.max(left, 0) + (locked ? 15 : 5), middle);
    }
  }

  _lock(x, y, colour = this.theme.text) {
    const { context: c } = this;
    c.fillStyle = colour;
    c.fillRect(x, y + 4, 8, 6);
    c.lineWidth = 1.4;
    c.strokeStyle = colour;
    c.beginPath();
    c.arc(x + 4, y + 4, 2.6, Math.PI, 0);
    c.stroke();
  }

  _curves(board, view) {
    const { context: c, theme } = this;
    board.curves.forEach((curve, at) => {
      const top = HEADER + board.rows.length * ROW + at * CURVE_ROW;
      const most = curve.levels.reduce((high, level) => Math.max(high, level), Math.max(1, curve.capacity));
      const scale = (CURVE_ROW - 8) / most;
      const base = top + CURVE_ROW - 3;
      c.beginPath();
      c.moveTo(0, base);
      let level = 0;
      let drawn = -1;
      for (let k = 0; k < curve.times.length; k++) {
        const x = this.x(view, curve.times[k]);
        const next = curve.levels[k];
        if (x < 0) {
          level = next;
          continue;
        }
        if (drawn < 0) c.lineTo(0, base - level * scale);
        if (x > view.width) break;
        if (x - drawn >= 1) {
          c.lineTo(x, base - level * scale);
          c.lineTo(x, base - next * scale);
          drawn = x;
        }
        level = next;
      }
      c.lineTo(view.width, base - level * scale);
      c.lineTo(view.width, base);
      c.closePath();
      c.globalAlpha = 0.16;
      c.fillStyle = theme.accent;
      c.fill();
      c.globalAlpha = 1;
      c.strokeStyle = theme.accent;
      c.lineWidth = 1.4;
      c.stroke();
      if (most > curve.capacity) {
        c.fillStyle = theme.bad;
        c.fillRect(0, base - curve.capacity * scale, view.width, 1);
      }
      c.fillStyle = theme.line;
      c.fillRect(0, top + CURVE_ROW - 1, view.width, 1);
    });
  }

  _grid(view) {
    const { context: c, theme } = this;
    c.fillStyle = theme.line;
    for (const at of this._ticks(view).times) c.fillRect(Math.round(this.x(view, at)), HEADER, 1, view.height);
  }

  /** Round times of the plant's wall clock in view, at least 64 px apart. */
  _ticks(view) {
    const step = STEPS.find((s) => s / view.perPx >= 64) || STEPS.at(-1);
    const shift = offset(view.from * 1000) / 1000;
    const until = view.from + view.width * view.perPx;
    const times = [];
    for (let at = Math.floor((view.from + shift) / step) * step - shift; at < until; at += step) times.push(at);
    return { step, shift, until, times };
  }

  _axis(view) {
    const { context: c, theme } = this;
    const { step, shift, until, times } = this._ticks(view);
    c.fillStyle = theme.surface;
    c.fillRect(0, 0, view.width, HEADER);
    c.fillStyle = theme.line;
    c.fillRect(0, HEADER - 1, view.width, 1);
    c.textBaseline = "middle";
    c.font = `500 11.5px ${theme.font}`;
    for (const at of times) {
      const x = Math.round(this.x(view, at));
      c.fillStyle = theme.line;
      c.fillRect(x, HEADER - 8, 1, 8);
      c.fillStyle = theme.text2;
      if (step < 86400) c.fillText(minute(at * 1000), x + 4, 31);
    }
    c.font = `620 11.5px ${theme.font}`;
    c.fillStyle = theme.text;
    for (let at = Math.floor((view.from + shift) / 86400) * 86400 - shift; at < until; at += 86400) {
      const x = this.x(view, at);
      const room = this.x(view, at + 86400);
      if (room > 70) c.fillText(day(at * 1000 + 1000), Math.max(6, x + 4), 13);
      c.globalAlpha = 0.9;
      c.fillRect(Math.round(x), 4, 1, HEADER - 8);
      c.globalAlpha = 1;
    }
  }

  _marks(board, view, look) {
    const { context: c, theme } = this;
    const line = (time, colour, width, word, dash = []) => {
      const x = Math.round(this.x(view, time));
      if (x < -60 || x > view.width + 60) return;
      c.strokeStyle = colour;
      c.lineWidth = width;
      c.setLineDash(dash);
      c.beginPath();
      c.moveTo(x + 0.5, HEADER - 16);
      c.lineTo(x + 0.5, view.height);
      c.stroke();
      c.setLineDash([]);
      c.font = `620 11px ${theme.font}`;
      const room = c.measureText(word).width + 10;
      c.fillStyle = colour;
      c.fillRect(x - room / 2, HEADER - 17, room, 16);
      c.fillStyle = inkOn(colour);
      c.fillText(word, x - room / 2 + 5, HEADER - 8.5);
    };
    if (board.frozenUntil > board.now) {
      const [left, width] = this._span(view, board.now, board.frozenUntil);
      if (width > 0) {
        c.fillStyle = theme.accent;
        c.fillRect(left, HEADER - 3, width, 3);
        if (width > 18) this._lock(left + width - 12, HEADER - 16);
      }
    }
    line(board.now, theme.now, 2, t("now"));
    const chosen = look.selected ?? -1;
    if (chosen >= 0) {
      this._order(board, view, chosen);
      if (look.promise) line(look.promise, theme.promise, 2, t("promised"));
      if (look.needBy) line(look.needBy, theme.needBy, 1.5, t("needed"), [3, 4]);
    }
    if (look.hovered >= 0 && look.hovered !== chosen) this._frame(board, view, look.hovered, theme.strong, 1.5);
  }

  _order(board, view, chosen) {
    const { context: c, theme } = this;
    const same = board.ofOrder.get(board.order[chosen]) || [chosen];
    const way = same.map((i) => [this.x(view, board.start[i]), HEADER + board.row[i] * ROW + PLAN.top + PLAN.height / 2]);
    way.sort((a, b) => a[0] - b[0]);
    c.strokeStyle = theme.accent;
    c.lineWidth = 1.5;
    c.setLineDash([2, 3]);
    c.beginPath();
    way.forEach(([x, y], k) => (k ? c.lineTo(x, y) : c.moveTo(x, y)));
    c.stroke();
    c.setLineDash([]);
    for (const i of same) this._frame(board, view, i, theme.accent, i === chosen ? 3 : 2);
  }

  _frame(board, view, i, colour, width) {
    const { context: c } = this;
    const box = barBox(board, view, i);
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.strokeRect(box.x - 1, box.y - 1, box.width + 2, box.height + 2);
  }
}

/** Where the plan of a bar is drawn, in pixels of the canvas. */
export function barBox(board, view, i) {
  return {
    x: (board.start[i] - view.from) / view.perPx,
    y: HEADER + board.row[i] * ROW + PLAN.top,
    width: Math.max(2, (board.end[i] - board.start[i]) / view.perPx),
    height: PLAN.height,
  };
}
