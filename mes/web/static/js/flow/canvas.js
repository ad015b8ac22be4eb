// The sheet of the pipeline editor: nodes and wires, dragged by hand; the keyboard's way is in element.js.

import { t } from "../i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const FAR_PX = 5;
const EDGE_PX = 32;

export const make = (tag, className, content = "") => Object.assign(document.createElement(tag), { className, textContent: content });

/** Draws the model; `say` of the owner announces, `act` is what the hands of the user do. */
export class FlowCanvas {
  constructor(owner) {
    this.owner = owner;
    this.root = make("div", "flow-sheet");
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", t("Sheet of the pipeline"));
    this.wires = document.createElementNS(SVG, "svg");
    this.wires.setAttribute("class", "flow-wires");
    this.wires.setAttribute("aria-hidden", "true");
    this.inner = make("div", "flow-inner");
    this.inner.append(this.wires);
    this.root.append(this.inner);
    this.shown = new Map();
    this.root.addEventListener("pointerdown", (event) => this._down(event));
    this.root.addEventListener("focusin", (event) => {
      const name = event.target.closest?.(".flow-node")?.dataset.node;
      if (name && name !== this.owner.selected) this.owner.select(name, { focus: false });
    });
    new ResizeObserver(() => this.drawWires()).observe(this.inner);
  }

  /** Bring the sheet to the state of the model. */
  draw() {
    const { model } = this.owner;
    for (const [name, box] of this.shown) {
      if (!model.node(name)) {
        box.remove();
        this.shown.delete(name);
      }
    }
    for (const node of model.nodes) {
      let box = this.shown.get(node.name);
      if (!box) {
        box = make("section", "flow-node");
        box.dataset.node = node.name;
        this.shown.set(node.name, box);
        this.inner.append(box);
      }
      this._fill(box, node);
    }
    const [right, bottom] = model.nodes.reduce(([x, y], node) => {
      const at = model.place(node.name);
      return [Math.max(x, at[0]), Math.max(y, at[1])];
    }, [0, 0]);
    this.inner.style.width = `${right + 280}px`;
    this.inner.style.height = `${Math.max(bottom + 300, 320)}px`;
    this.drawWires();
  }

  _fill(box, node) {
    const { model } = this.owner;
    const kind = model.kind(node);
    const wrong = this.owner.remarks.filter((one) => one.node === node.name);
    const result = this.owner.result?.nodes?.[node.name];
    const [x, y] = model.place(node.name);
    if (this.carried !== node.name) {
      box.style.left = `${x}px`;
      box.style.top = `${y}px`;
    }
    box.className = `flow-node ${kind.group}${wrong.length ? " wrong" : ""}${this.owner.selected === node.name ? " selected" : ""}`;
    box.tabIndex = (this.owner.selected ?? model.nodes[0]?.name) === node.name ? 0 : -1;
    box.setAttribute("role", "button");
    box.setAttribute("aria-pressed", String(this.owner.selected === node.name));
    box.setAttribute("aria-label", this.owner.describe(node.name));

    if (box.kind !== node.kind) this._ports(box, node, kind);
    const tail = [];
    if (result?.picture) {
      const picture = make("img", "flow-picture");
      picture.src = result.picture;
      picture.alt = t("What %(node)s made of the picture", { node: node.name });
      picture.draggable = false;
      tail.push(picture);
    }
    const said = result && this.owner.figures(result);
    if (said) tail.push(make("p", `flow-result ${said.tone}`, said.text));
    tail.push(...wrong.slice(0, 2).map((one) => make("p", "flow-error", one.message)));
    box.tail.replaceChildren(...tail);
  }

  /** Name and ports of a node: they stay as long as it does, also under a hand that pulls a wire. */
  _ports(box, node, kind) {
    const { words } = this.owner;
    const head = make("header", "flow-head");
    head.append(make("span", "flow-name", node.name), make("span", "flow-kind", words.kinds[node.kind] || node.kind));
    const ports = make("div", "flow-ports");
    const inlets = make("ul", "flow-in");
    for (const inlet of kind.inputs) {
      const port = make("li", "flow-port in", words.ports[inlet.name] || inlet.name);
      port.dataset.inlet = inlet.name;
      port.dataset.types = inlet.takes.join(" ");
      port.prepend(make("i", `flow-dot ${inlet.takes[0]}`));
      inlets.append(port);
    }
    const outs = make("ul", "flow-out");
    if (kind.output) {
      const port = make("li", "flow-port out", words.ports[kind.output]);
      port.dataset.output = kind.output;
      port.append(make("i", `flow-dot ${kind.output}`));
      outs.append(port);
    }
    ports.append(inlets, outs);
    box.kind = node.kind;
    box.tail = make("div", "flow-tail");
    box.replaceChildren(head, ports, box.tail);
  }

  _anchor(box, selector) {
    const dot = box?.querySelector(`${selector} .flow-dot`);
    if (!dot) return null;
    const at = dot.getBoundingClientRect();
    const base = this.inner.getBoundingClientRect();
    return [at.left + at.width / 2 - base.left, at.top + at.height / 2 - base.top];
  }

  drawWires() {
    const drawn = this.owner.model.wires().map((wire) => {
      const from = this._anchor(this.shown.get(wire.from), ".flow-out");
      const to = this._anchor(this.shown.get(wire.to), `[data-inlet="${CSS.escape(wire.inlet)}"]`);
      if (!from || !to) return null;
      const group = document.createElementNS(SVG, "g");
      const output = this.owner.model.kind(this.owner.model.node(wire.from)).output;
      group.setAttribute("class", `flow-wire ${output}${this._same(wire, this.owner.wire) ? " selected" : ""}`);
      Object.assign(group.dataset, wire);
      for (const name of ["hit", "line"]) {
        const path = document.createElementNS(SVG, "path");
        path.setAttribute("class", name);
        path.setAttribute("d", curve(from, to));
        group.append(path);
      }
      return group;
    });
    this.wires.replaceChildren(...drawn.filter(Boolean));
    if (this.pulled) this.wires.append(this.pulled);
  }

  _same(one, other) {
    return other && one.from === other.from && one.to === other.to && one.inlet === other.inlet;
  }

  /** Put the focus on a node. */
  focus(name) {
    const box = this.shown.get(name);
    box?.focus({ preventScroll: true });
    box?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  point(event) {
    const base = this.inner.getBoundingClientRect();
    return [event.clientX - base.left, event.clientY - base.top];
  }

  _down(event) {
    if (event.button) return;
    const wire = event.target.closest(".flow-wire");
    if (wire) {
      this.owner.chooseWire({ from: wire.dataset.from, to: wire.dataset.to, inlet: wire.dataset.inlet });
      return;
    }
    const box = event.target.closest(".flow-node");
    if (!box) {
      this.owner.chooseWire(null);
      return;
    }
    const name = box.dataset.node;
    this.owner.select(name);
    if (event.target.closest(".flow-port.out")) this._pull(event, name);
    else if (event.pointerType !== "touch" || event.target.closest(".flow-head")) this._carry(event, name, box);
  }

  /** Near the border the sheet goes on. */
  _scrollAtEdge(event) {
    const box = this.root.getBoundingClientRect();
    const step = (at, low, high) => (at < low + EDGE_PX ? -EDGE_PX : at > high - EDGE_PX ? EDGE_PX : 0);
    this.root.scrollBy(step(event.clientX, box.left, box.right) / 2, step(event.clientY, box.top, box.bottom) / 2);
  }

  _carry(event, name, box) {
    const start = this.point(event);
    const [x, y] = this.owner.model.place(name);
    let place = null;
    this.carried = name;
    this._follow(event, {
      moved: (now) => {
        const at = this.point(now);
        place = [Math.max(0, x + at[0] - start[0]), Math.max(0, y + at[1] - start[1])];
        box.style.left = `${place[0]}px`;
        box.style.top = `${place[1]}px`;
        this.drawWires();
      },
      done: () => {
        this.carried = null;
        if (!place) return;
        this.owner.model.move(name, place);
        this.owner.refresh();
      },
    });
  }

  _pull(event, from) {
    const start = this._anchor(this.shown.get(from), ".flow-out");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", "flow-pulled");
    this.pulled = path;
    this.root.classList.add("pulling");
    this._mark(from);
    this._follow(event, {
      moved: (now) => {
        path.setAttribute("d", curve(start, this.point(now)));
        if (!path.isConnected) this.wires.append(path);
      },
      done: (last) => {
        this.pulled = null;
        path.remove();
        this.root.classList.remove("pulling");
        for (const port of this.root.querySelectorAll(".fits")) port.classList.remove("fits");
        const under = document.elementFromPoint(last.clientX, last.clientY);
        const box = under?.closest(".flow-node");
        if (!box || box.dataset.node === from) return;
        this.owner.connect(from, box.dataset.node, under.closest(".flow-port.in")?.dataset.inlet);
      },
    });
  }

  _mark(from) {
    for (const { node, inlet } of this.owner.model.targets(from)) {
      this.shown.get(node)?.querySelector(`[data-inlet="${CSS.escape(inlet)}"]`)?.classList.add("fits");
    }
  }

  /** Follow a pointer from where it went down until it goes up; nearer than a few pixels it is a click. */
  _follow(event, { moved, done }) {
    event.preventDefault();
    const gone = new AbortController();
    let far = false;
    const follow = (now) => {
      far ||= Math.hypot(now.clientX - event.clientX, now.clientY - event.clientY) > FAR_PX;
      if (far) {
        this._scrollAtEdge(now);
        moved(now);
      }
    };
    addEventListener("pointermove", follow, { signal: gone.signal });
    for (const end of ["pointerup", "pointercancel"]) {
      addEventListener(end, (last) => {
        gone.abort();
        done(last);
      }, { signal: gone.signal });
    }
  }
}

function curve([x1, y1], [x2, y2]) {
  const bend = Math.max(30, Math.abs(x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}
