// What the board shows, as typed arrays sorted by row and start: thousands of bars cost no objects.

/**
 * The answer of `/plan/board.json`, ready to draw. Times are seconds since the epoch.
 *
 * `bars` are columns of equal length: `id`, `row`, `start`, `end`, `actualStart`, `actualEnd` (0: none),
 * `color`, `model`, `option` (indices into `palette`), `late_s` (null: nothing promised), `need` (latest
 * start for the promise; 0: none), `frozen`, `label`, `order`,
 * `car` (on a press: the die lot).
 */
export class Board {
  constructor(data) {
    this.data = data;
    this.rows = data.rows;
    this.now = data.now;
    this.from = data.from;
    this.to = data.to;
    this.frozenUntil = data.frozen_until;
    this.palette = data.palette;
    this.closed = data.closed || [];
    this.unknown = data.unknown || [];
    this.down = data.down || [];
    this.curves = data.curves || [];
    const bars = data.bars;
    const n = bars.id.length;
    const order = Array.from({ length: n }, (_, i) => i).sort(
      (a, b) => bars.row[a] - bars.row[b] || bars.start[a] - bars.start[b],
    );
    const pick = (Type, column) => Type.from(order, (i) => column[i] ?? 0);
    this.count = n;
    this.row = pick(Uint16Array, bars.row);
    this.start = pick(Float64Array, bars.start);
    this.end = pick(Float64Array, bars.end);
    this.actualStart = pick(Float64Array, bars.actualStart);
    this.actualEnd = pick(Float64Array, bars.actualEnd);
    this.color = pick(Uint8Array, bars.color);
    this.model = pick(Uint8Array, bars.model);
    this.frozen = pick(Uint8Array, bars.frozen);
    this.need = pick(Float64Array, bars.need || []);
    this.late = Float64Array.from(order, (i) => bars.late_s[i] ?? Number.NaN);
    this.id = order.map((i) => bars.id[i]);
    this.label = order.map((i) => bars.label[i]);
    this.order = order.map((i) => bars.order[i]);
    this.car = order.map((i) => bars.car?.[i] || "");
    this.options = order.map((i) => bars.options?.[i] || []);
    this.index = new Map(this.id.map((id, i) => [id, i]));
    this.locks = new Map((data.locks || []).map((lock) => [lock.bar, lock]));
    this.firstOfRow = new Uint32Array(this.rows.length + 1);
    for (let i = 0, row = 0; row <= this.rows.length; row++) {
      while (i < n && this.row[i] < row) i++;
      this.firstOfRow[row] = i;
    }
    // How far what a bar shows (its end, what really happened) lies from its planned start.
    this.reach = new Float64Array(this.rows.length);
    for (let i = 0; i < n; i++) {
      const from = this.actualStart[i] ? Math.min(this.start[i], this.actualStart[i]) : this.start[i];
      const to = Math.max(this.end[i], this.actualEnd[i]);
      const far = Math.max(to - this.start[i], this.start[i] - from);
      if (far > this.reach[this.row[i]]) this.reach[this.row[i]] = far;
    }
    this.ofOrder = new Map();
    this.order.forEach((order, i) => {
      if (!order) return;
      if (!this.ofOrder.has(order)) this.ofOrder.set(order, []);
      this.ofOrder.get(order).push(i);
    });
  }

  /** This board as a trial would have it: other times and presses, cars from the tray, other lateness. */
  after(trial) {
    const bars = this.data.bars;
    const [id, start, end, row] = [[...bars.id], [...bars.start], [...bars.end], [...bars.row]];
    const at = new Map(id.map((one, i) => [one, i]));
    const rowOf = new Map(this.rows.map((one, n) => [one.id, n]));
    const added = [];
    trial.bars.id.forEach((one, k) => {
      const i = at.get(one);
      if (i === undefined) return added.push(k);
      // A body's bar shows the takt in which it enters, a die lot's all of its time, its changeover too.
      end[i] = this.rows[row[i]].order === "press" ? trial.bars.end[k] : trial.bars.start[k] + (bars.end[i] - bars.start[i]);
      start[i] = trial.bars.start[k];
      row[i] = rowOf.get(trial.lines[one]) ?? row[i];
    });
    const late_s = bars.late_s.map((before, i) => {
      const late = trial.late[bars.car[i]];
      if (late !== undefined) return late;
      return before > 0 ? -1 : before;
    });
    const changed = { ...bars, id, start, end, row, late_s };
    for (const name of Object.keys(changed)) changed[name] = [...changed[name]];
    for (const k of added) {
      const line = trial.bars.id[k].split("/")[0];
      const car = trial.cars[trial.bars.id[k].split("/")[1]];
      if (!rowOf.has(line) || !car) continue;
      const fill = { id: trial.bars.id[k], row: rowOf.get(line), start: trial.bars.start[k], label: car, order: car, car };
      fill.end = trial.bars.start[k] + Math.min(trial.bars.end[k] - trial.bars.start[k], this.rows[fill.row].takt_s || Infinity);
      for (const name of Object.keys(changed)) changed[name].push(fill[name] ?? (name === "options" ? [] : name === "late_s" ? (trial.late[car] ?? null) : 0));
    }
    const fixed = (this.data.locks || []).filter((lock) => lock.to !== null || !(lock.bar in trial.parked));
    const put = Object.entries(trial.parked).filter(([bar, from]) => from !== null && !fixed.some((lock) => lock.bar === bar));
    const locks = [...fixed, ...put.map(([bar, from]) => ({ id: null, bar, from, to: null }))];
    return new Board({ ...this.data, bars: changed, locks });
  }

  /** Whether a bar keeps its place: frozen, begun, or in the zone that lines have stored by now. */
  held(i) {
    return Boolean(this.frozen[i] || this.actualStart[i] || this.start[i] < this.frozenUntil);
  }

  /** The lock on a bar's start, if there is one (`to` null: it only does not start before); `kept`: whether it does so. */
  lock(i) {
    const lock = this.locks.get(this.id[i]);
    return lock && { ...lock, kept: this.start[i] >= lock.from && (lock.to === null || this.start[i] <= lock.to) };
  }

  /** Whether a car has an option of the palette. */
  has(i, option) {
    return this.options[i].includes(option) ? 1 : 0;
  }

  /** Indices [first, last) of the bars of a row that may touch a stretch of time. */
  visible(row, from, to) {
    return [this._after(row, from - this.reach[row]), this._after(row, to + this.reach[row])];
  }

  _after(row, time) {
    let low = this.firstOfRow[row];
    let high = this.firstOfRow[row + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.start[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How long the work of each bar could wait before its promise breaks, as places in the palette of criticality. */
  criticalities() {
    this.critical ??= Uint8Array.from(this.need, (need, i) => {
      if (!need || this.actualStart[i]) return 0;
      const spare = need - this.start[i];
      return spare < 0 ? 4 : spare < 7200 ? 3 : spare < 28800 ? 2 : 1;
    });
    return this.critical;
  }

  /** How late a bar's car is: `late`, `tight` (under two hours in hand), `ontime`, `none`. */
  lateness(i) {
    const late = this.late[i];
    if (Number.isNaN(late)) return 0;
    if (late > 0) return 3;
    return late > -7200 ? 2 : 1;
  }
}
