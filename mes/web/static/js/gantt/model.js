// What the board shows, as typed arrays sorted by row and start: thousands of bars cost no objects.

/**
 * The answer of `/plan/board.json`, ready to draw. Times are seconds since the epoch.
 *
 * `bars` are columns of equal length: `id`, `row`, `start`, `end`, `actualStart`, `actualEnd` (0: none),
 * `color`, `model`, `option` (indices into `palette`), `late_s` (null: nothing promised), `frozen`, `label`, `order`.
 */
export class Board {
  constructor(data) {
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
    this.late = Float64Array.from(order, (i) => bars.late_s[i] ?? Number.NaN);
    this.id = order.map((i) => bars.id[i]);
    this.label = order.map((i) => bars.label[i]);
    this.order = order.map((i) => bars.order[i]);
    this.index = new Map(this.id.map((id, i) => [id, i]));
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

  /** How late a bar's car is: `late`, `tight` (under two hours in hand), `ontime`, `none`. */
  lateness(i) {
    const late = this.late[i];
    if (Number.isNaN(late)) return 0;
    if (late > 0) return 3;
    return late > -7200 ? 2 : 1;
  }
}
