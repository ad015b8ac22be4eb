// A picture at native zoom with pan, its regions as dashed boxes and the heat map over it.

const SVG = "http://www.w3.org/2000/svg";

/** Shows one picture inside `host`; zoom 1 is one picture pixel a screen pixel. */
export class PictureView {
  constructor(host) {
    this.host = host;
    this.world = document.createElement("div");
    this.world.className = "world";
    host.append(this.world);
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
    host.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = host.getBoundingClientRect();
      this.zoomAt(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) * 0.0025), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    this.drawing = false;
    this.onDrawn = () => {};
    host.addEventListener("pointerdown", (event) => {
      host.setPointerCapture(event.pointerId);
      this.drag = this.drawing ? { from: this._pixel(event) } : { x: event.clientX - this.x, y: event.clientY - this.y };
    });
    host.addEventListener("pointermove", (event) => {
      if (!this.drag || this.drag.from) return;
      this.x = event.clientX - this.drag.x;
      this.y = event.clientY - this.drag.y;
      this._place();
    });
    host.addEventListener("pointerup", (event) => {
      const from = this.drag?.from;
      this.drag = null;
      if (!from) return;
      const to = this._pixel(event);
      const [w, h] = [Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])];
      if (w > 2 && h > 2) this.onDrawn({ x: Math.min(from[0], to[0]), y: Math.min(from[1], to[1]), w, h });
    });
    host.addEventListener("pointercancel", () => (this.drag = null));
    host.addEventListener("dblclick", () => this.native());
  }

  /** Show a picture; `seen` has image, px, regions. */
  show(seen, name) {
    this.seen = seen;
    const [width, height] = seen.px || [512, 512];
    const image = Object.assign(document.createElement("img"), { src: seen.image, alt: name, width, height, draggable: false });
    this.heat = Object.assign(document.createElement("img"), { alt: "", width, height, hidden: true, draggable: false });
    this.heat.className = "heat";
    this.heat.addEventListener("error", () => {
      this.heat.hidden = true;
      this.heat.removeAttribute("src");
      this.host.dispatchEvent(new CustomEvent("no-heat"));
    });
    this.boxes = document.createElementNS(SVG, "svg");
    this.boxes.setAttribute("width", width);
    this.boxes.setAttribute("height", height);
    this.size = [width, height];
    this.host.replaceChildren(this.world);
    this.world.replaceChildren(image, this.heat, this.boxes);
    this.labels = [];
    this.fit();
    this.showRegions(seen.regions);
  }

  /** Nothing is shown: neither zoom nor regions mean anything. */
  clear() {
    this.size = this.boxes = this.heat = null;
    this.labels = [];
  }

  /** Draw boxes; the one at `chosen` is being corrected. */
  showRegions(regions, chosen = -1) {
    if (!this.boxes) return;
    for (const [label] of this.labels) label.remove();
    this.boxes.replaceChildren();
    for (const [index, region] of regions.entries()) {
      for (const kind of ["box-under", index === chosen ? "box chosen" : "box"]) {
        const rect = document.createElementNS(SVG, "rect");
        rect.setAttribute("class", kind);
        for (const [key, value] of Object.entries({ x: region.x, y: region.y, width: region.w, height: region.h })) rect.setAttribute(key, value);
        this.boxes.append(rect);
      }
    }
    this.labels = regions.map((region) => {
      const label = document.createElement("span");
      label.className = "box-label";
      label.textContent = `${region.label ?? ""} ${region.score === undefined ? "" : `${Math.round(region.score * 100)} %`}`.trim();
      label.hidden = !label.textContent;
      return [label, region];
    });
    this.host.append(...this.labels.map(([label]) => label));
    this._place();
  }

  /** Show or hide regions: what is under a box can be the defect. Returns whether they are shown. */
  toggleRegions() {
    const hidden = this.host.classList.toggle("bare");
    return !hidden;
  }

  /** Show or hide the heat map; it is computed by the server when first asked for. */
  toggleHeat() {
    if (!this.heat) return false;
    if (!this.heat.getAttribute("src")) this.heat.src = `/api/inspections/${this.seen.id}/heatmap.png`;
    this.heat.hidden = !this.heat.hidden;
    return !this.heat.hidden;
  }

  fit() {
    if (!this.size) return;
    const [width, height] = this.size;
    const scale = Math.min(this.host.clientWidth / width, this.host.clientHeight / height) * 0.98;
    this.zoom = scale >= 1 ? Math.max(1, Math.floor(scale * 4) / 4) : scale;
    this._centre();
  }

  native() {
    if (!this.size) return;
    this.zoom = 1;
    this._centre();
  }

  zoomAt(factor, x = this.host.clientWidth / 2, y = this.host.clientHeight / 2) {
    const next = Math.min(16, Math.max(0.1, this.zoom * factor));
    this.x = x - ((x - this.x) * next) / this.zoom;
    this.y = y - ((y - this.y) * next) / this.zoom;
    this.zoom = next;
    this._place();
  }

  panBy(x, y) {
    this.x += x;
    this.y += y;
    this._place();
  }

  /** Where in the picture the pointer is. */
  _pixel(event) {
    const box = this.host.getBoundingClientRect();
    return [(event.clientX - box.left - this.x) / this.zoom, (event.clientY - box.top - this.y) / this.zoom];
  }

  _centre() {
    this.x = (this.host.clientWidth - this.size[0] * this.zoom) / 2;
    this.y = (this.host.clientHeight - this.size[1] * this.zoom) / 2;
    this._place();
  }

  _place() {
    this.world.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    this.world.classList.toggle("sharp", this.zoom >= 2);
    for (const [label, region] of this.labels || []) {
      const top = this.y + region.y * this.zoom - 22;
      label.style.transform = `translate(${this.x + region.x * this.zoom}px, ${Math.max(2, top)}px)`;
    }
    this.host.dispatchEvent(new CustomEvent("zoomed", { detail: this.zoom }));
  }
}
