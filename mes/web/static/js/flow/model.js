// A pipeline as the editor holds it: nodes, connections, places; every change can be undone.

const GRID = 12;
export const NODE_WIDTH = 200;
export const COLUMN = 248;
const ROW = 264;

const copy = (value) => JSON.parse(JSON.stringify(value));

export class FlowModel {
  /** @param palette kinds of nodes as `GET /api/pipelines/kinds` gives them. */
  constructor(document, palette) {
    this.kinds = new Map(palette.map((kind) => [kind.kind, kind]));
    this.document = this._read(document);
    this.saved = this.content();
    this.past = [];
    this.future = [];
  }

  _read(document) {
    const nodes = (document.nodes || []).map((node) => ({
      name: node.name,
      kind: node.kind,
      inputs: Object.fromEntries(Object.entries(node.inputs || {}).map(([inlet, from]) => [inlet, [].concat(from)])),
      settings: copy(node.settings || {}),
    }));
    const layout = copy(document.layout || {});
    const read = { name: document.name || "", nodes, layout };
    const missing = nodes.filter((node) => !layout[node.name]);
    if (missing.length) arrange(read, missing);
    return read;
  }

  get nodes() {
    return this.document.nodes;
  }

  node(name) {
    return this.nodes.find((node) => node.name === name);
  }

  kind(node) {
    return this.kinds.get(node.kind) || { kind: node.kind, group: "decide", inputs: [], output: null, settings: [] };
  }

  place(name) {
    return this.document.layout[name] || [GRID, GRID];
  }

  /** The document as the API takes it. */
  plain() {
    return {
      format: "c2m-pipeline/1",
      name: this.document.name,
      nodes: this.nodes.map((node) => ({
        name: node.name,
        kind: node.kind,
        inputs: Object.fromEntries(
          Object.entries(node.inputs)
            .filter(([, from]) => from.length)
            .map(([inlet, from]) => [inlet, this._inlet(node, inlet)?.many ? from : from[0]]),
        ),
        settings: copy(node.settings),
      })),
      layout: copy(this.document.layout),
    };
  }

  content() {
    return JSON.stringify(this.plain());
  }

  get changed() {
    return this.content() !== this.saved;
  }

  /** Take the present state for the saved one. */
  settle() {
    this.saved = this.content();
  }

  _inlet(node, name) {
    return this.kind(node).inputs.find((inlet) => inlet.name === name);
  }

  /** Change something; the state before can be brought back. */
  change(act) {
    const before = copy(this.document);
    act(this.document);
    if (JSON.stringify(before) === JSON.stringify(this.document)) return false;
    this.past.push(before);
    this.future = [];
    return true;
  }

  undo() {
    if (!this.past.length) return false;
    this.future.push(copy(this.document));
    this.document = this.past.pop();
    return true;
  }

  redo() {
    if (!this.future.length) return false;
    this.past.push(copy(this.document));
    this.document = this.future.pop();
    return true;
  }

  /** Add a node and return its name. */
  add(kindName, place, base) {
    const kind = this.kinds.get(kindName);
    let name = base;
    for (let n = 2; this.node(name); n++) name = `${base} ${n}`;
    const settings = {};
    for (const setting of kind.settings) if (setting.required && setting.type === "choice") settings[setting.name] = setting.choices[0];
    this.change((document) => {
      document.nodes.push({ name, kind: kindName, inputs: {}, settings });
      document.layout[name] = onGrid(place);
    });
    return name;
  }

  remove(name) {
    this.change((document) => {
      document.nodes = document.nodes.filter((node) => node.name !== name);
      delete document.layout[name];
      for (const node of document.nodes) {
        for (const inlet of Object.keys(node.inputs)) node.inputs[inlet] = node.inputs[inlet].filter((from) => from !== name);
      }
    });
  }

  rename(name, to) {
    if (name === to || !/^[\p{L}\p{N}_][\p{L}\p{N}_ .-]{0,39}$/u.test(to) || this.node(to)) return false;
    return this.change((document) => {
      document.nodes.find((node) => node.name === name).name = to;
      document.layout[to] = document.layout[name];
      delete document.layout[name];
      for (const node of document.nodes) {
        for (const inlet of Object.keys(node.inputs)) node.inputs[inlet] = node.inputs[inlet].map((from) => (from === name ? to : from));
      }
    });
  }

  move(name, place) {
    this.change((document) => (document.layout[name] = onGrid(place)));
  }

  set(name, setting, value) {
    this.change((document) => {
      const node = document.nodes.find((one) => one.name === name);
      if (value === null || value === undefined || value === "") delete node.settings[setting];
      else node.settings[setting] = value;
    });
  }

  /** Whether what `from` gives may go into an inlet of `to`. */
  fits(from, to, inlet) {
    const output = this.kind(this.node(from)).output;
    return from !== to && output !== null && Boolean(this._inlet(this.node(to), inlet)?.takes.includes(output));
  }

  /** The inlets of every other node that take what `from` gives. */
  targets(from) {
    return this.nodes.flatMap((node) =>
      this.kind(node)
        .inputs.filter((inlet) => this.fits(from, node.name, inlet.name) && !node.inputs[inlet.name]?.includes(from))
        .map((inlet) => ({ node: node.name, inlet: inlet.name })),
    );
  }

  /** The nodes whose output an inlet takes. */
  sources(to, inlet) {
    return this.nodes.filter((node) => this.fits(node.name, to, inlet)).map((node) => node.name);
  }

  connect(from, to, inlet) {
    if (!this.fits(from, to, inlet)) return false;
    const many = this._inlet(this.node(to), inlet).many;
    return this.change((document) => {
      const node = document.nodes.find((one) => one.name === to);
      const there = node.inputs[inlet] || [];
      node.inputs[inlet] = many ? [...new Set([...there, from])] : [from];
    });
  }

  disconnect(from, to, inlet) {
    return this.change((document) => {
      const node = document.nodes.find((one) => one.name === to);
      node.inputs[inlet] = (node.inputs[inlet] || []).filter((name) => name !== from);
    });
  }

  wires() {
    return this.nodes.flatMap((node) =>
      Object.entries(node.inputs).flatMap(([inlet, names]) => names.filter((from) => this.node(from)).map((from) => ({ from, to: node.name, inlet }))),
    );
  }

  /** The nearest node in a direction (`left`, `right`, `up`, `down`). */
  neighbour(name, direction) {
    const [x, y] = this.place(name);
    let best = null;
    let least = Infinity;
    for (const node of this.nodes) {
      if (node.name === name) continue;
      const [nx, ny] = this.place(node.name);
      const along = { left: x - nx, right: nx - x, up: y - ny, down: ny - y }[direction];
      const beside = direction === "left" || direction === "right" ? Math.abs(ny - y) : Math.abs(nx - x);
      if (along <= 0) continue;
      const cost = along + 2 * beside;
      if (cost < least) [best, least] = [node.name, cost];
    }
    return best;
  }

  /** A free place right of a node, or below what is there. */
  freePlace(beside) {
    const [x, y] = beside ? this.place(beside) : [GRID - COLUMN, GRID];
    const taken = (at) => this.nodes.some((node) => Math.abs(this.place(node.name)[0] - at[0]) < NODE_WIDTH && Math.abs(this.place(node.name)[1] - at[1]) < ROW - 24);
    for (let n = 0; n < 30; n++) {
      const at = [x + COLUMN, y + n * ROW];
      if (!taken(at)) return at;
    }
    return [x + COLUMN, y];
  }
}

function onGrid([x, y]) {
  return [Math.max(GRID, Math.round(x / GRID) * GRID), Math.max(GRID, Math.round(y / GRID) * GRID)];
}

/** Lay nodes out in columns, each right of what feeds it. */
function arrange(document, missing) {
  const depth = new Map();
  const of = (node, seen = new Set()) => {
    if (depth.has(node.name) || seen.has(node.name)) return depth.get(node.name) ?? 0;
    seen.add(node.name);
    const from = Object.values(node.inputs).flat().map((name) => document.nodes.find((one) => one.name === name)).filter(Boolean);
    const found = from.length ? 1 + Math.max(...from.map((one) => of(one, seen))) : 0;
    depth.set(node.name, found);
    return found;
  };
  const rows = {};
  for (const node of missing) {
    const column = of(node);
    rows[column] = (rows[column] ?? -1) + 1;
    document.layout[node.name] = [GRID + column * COLUMN, GRID + rows[column] * ROW];
  }
}
