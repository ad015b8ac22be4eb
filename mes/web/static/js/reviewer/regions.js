// Correcting where a defect is: boxes moved, sized, added and removed, by keys or with the mouse.
//
// D begins and ends · arrows move · Shift+arrows size · Tab next · N new · Delete removes · Enter keeps ·
// Escape puts back what the model said. A drag on the picture draws a box.

const SMALLEST = 4;
const STEP = 8;

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

export class RegionEditor {
  /** `changed` is called whenever boxes or the mode change. */
  constructor(view, changed) {
    this.view = view;
    this.changed = changed;
    this.active = false;
    this.begin(null);
    view.onDrawn = (box) => this._add(box);
  }

  /** Take the regions of another picture. */
  begin(seen) {
    this.before = (seen?.regions ?? []).map((region) => ({ ...region }));
    this.regions = this.before.map((region) => ({ ...region }));
    this.at = 0;
    this._mode(false);
  }

  /** The region that keys act on. */
  get chosen() {
    return this.regions[this.at];
  }

  /** What a person drew, as the API takes it; null where nothing differs from the model's word. */
  drawn(code) {
    if (same(this.regions, this.before)) return null;
    return this.regions.map(({ x, y, w, h, code: own }) => ({ x, y, w, h, label: own || code || null }));
  }

  toggle() {
    if (!this.view.size) return;
    if (!this.active && !this.regions.length) this._fresh();
    this._mode(!this.active);
  }

  /** Act on a key while correcting; says whether it did. */
  key(event) {
    if (!this.active) return false;
    const step = Math.max(1, Math.round(STEP / this.view.zoom));
    const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? [0, 0];
    if (dx || dy) this._change(event.shiftKey ? { w: dx, h: dy } : { x: dx, y: dy });
    else if (event.key === "Tab") this._choose(this.at + (event.shiftKey ? -1 : 1));
    else if (event.key === "Delete" || event.key === "Backspace") this._remove();
    else if (event.key === "Enter") this._mode(false);
    else if (event.key === "Escape") this.begin({ regions: this.before });
    else if (event.key.toLowerCase() === "n") this._fresh();
    else return false;
    return true;
  }

  _mode(active) {
    this.active = active;
    this.view.drawing = active;
    this._show();
  }

  _fresh() {
    const [width, height] = this.view.size;
    const side = Math.max(SMALLEST, Math.round(Math.min(width, height) / 6));
    this._add({ x: Math.round((width - side) / 2), y: Math.round((height - side) / 2), w: side, h: side });
  }

  _add(box) {
    this.regions.push(this._inside(box));
    this._choose(this.regions.length - 1);
  }

  _change(by) {
    const region = this.chosen;
    if (!region) return;
    for (const [side, amount] of Object.entries(by)) region[side] += amount;
    this.regions[this.at] = this._inside(region);
    this._show();
  }

  _remove() {
    this.regions.splice(this.at, 1);
    this._choose(this.at);
  }

  _choose(at) {
    const n = this.regions.length;
    this.at = n ? (at + n) % n : 0;
    this._show();
  }

  _inside(region) {
    const [width, height] = this.view.size;
    const w = Math.round(Math.min(width, Math.max(SMALLEST, region.w)));
    const h = Math.round(Math.min(height, Math.max(SMALLEST, region.h)));
    const x = Math.round(Math.min(width - w, Math.max(0, region.x)));
    const y = Math.round(Math.min(height - h, Math.max(0, region.y)));
    return { ...region, x, y, w, h };
  }

  _show() {
    this.view.showRegions(this.regions, this.active ? this.at : -1);
    this.changed();
  }
}
