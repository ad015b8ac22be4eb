// <mes-flow> — draw a pipeline: palette, sheet, settings; run it on stored pictures, save it.
//
// A palette · arrows from node to node · Shift+arrows move · C connect · Enter settings · Delete · Ctrl+Z, Ctrl+Y
// undo, redo · R run. What the hand does by dragging, the keys and the lists in the settings do as well.

import { call, Problem } from "../api.js";
import { t } from "../i18n.js";
import { toast } from "../toast.js";
import { FlowCanvas, make } from "./canvas.js";
import { FlowModel } from "./model.js";
import { FlowSettings, upload } from "./settings.js";

const AFTER_MS = 350;
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
const STEP = 24;
const MOVES = { left: [-STEP, 0], right: [STEP, 0], up: [0, -STEP], down: [0, STEP] };
const FAR_PX = 6;
const GROUPS = ["picture", "judge", "measure", "decide"];

export class MesFlow extends HTMLElement {
  connectedCallback() {
    const facts = JSON.parse(document.getElementById("flow-facts").textContent);
    Object.assign(this, { id_: facts.id, head: facts.head, words: facts.words, cameras: facts.cameras, packages: facts.packages });
    this.model = new FlowModel(facts.document, facts.palette);
    this.remarks = [];
    this.result = null;
    this.large = {};
    this.selected = this.model.nodes[0]?.name ?? null;
    this.wire = null;
    this.connecting = null;
    this.picture = null;
    this.canvas = new FlowCanvas(this);
    this.settings = new FlowSettings(this);
    this.said = make("p", "visually-hidden");
    this.said.setAttribute("aria-live", "polite");
    this.append(this._toolbar(), this._palette(facts.palette), this._middle(), this.settings.root, this._pictures(), this.said);
    this.gone = new AbortController();
    this.addEventListener("keydown", (event) => this._key(event));
    addEventListener("beforeunload", (event) => this.model.changed && event.preventDefault(), { signal: this.gone.signal });
    document.getElementById("difference")?.addEventListener("submit", (event) => this._compare(event));
    this.refresh();
    this._load();
  }

  disconnectedCallback() {
    this.gone.abort();
  }

  /** Announce to those who do not see it. */
  say(words) {
    this.said.textContent = words;
  }

  _button(name, word, act, className = "btn") {
    const button = make("button", className, word);
    button.type = "button";
    button.dataset.flow = name;
    button.addEventListener("click", act);
    return button;
  }

  _toolbar() {
    const bar = make("div", "flow-bar card");
    this.state = make("span", "small flow-state");
    this.note = Object.assign(make("input", ""), { maxLength: 300, placeholder: t("What has changed?") });
    this.note.setAttribute("aria-label", t("Note on this version"));
    bar.append(
      this._button("undo", t("Undo"), () => this.undo()),
      this._button("redo", t("Redo"), () => this.redo()),
      this._button("run", t("Run"), () => this.run()),
      this.state,
      this.note,
      this._button("save", t("Save version"), () => this.save(), "btn primary"),
    );
    return bar;
  }

  _palette(palette) {
    const box = make("section", "card flow-palette");
    box.setAttribute("aria-label", t("Palette"));
    for (const group of GROUPS) {
      box.append(make("h3", "", this.words.groups[group]));
      const list = make("div", "flow-kinds");
      for (const kind of palette.filter((one) => one.group === group)) {
        const button = make("button", `flow-add ${group}`, this.words.kinds[kind.kind]);
        button.type = "button";
        button.dataset.kind = kind.kind;
        button.title = this.words.hints[kind.kind];
        button.addEventListener("pointerdown", (event) => this._take(event, kind.kind));
        button.addEventListener("click", (event) => {
          if (event.detail === 0 || !this.taken) this.add(kind.kind);
          this.taken = false;
        });
        list.append(button);
      }
      box.append(list);
    }
    box.addEventListener("keydown", (event) => {
      const buttons = [...box.querySelectorAll("button")];
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      const at = buttons.indexOf(document.activeElement);
      if (!step || at < 0) return;
      event.preventDefault();
      event.stopPropagation();
      buttons[(at + step + buttons.length) % buttons.length].focus();
    });
    this.paletteBox = box;
    return box;
  }

  _middle() {
    const box = make("div", "flow-middle");
    this.empty = make("div", "empty flow-empty");
    const words = make("div", "");
    words.append(
      make("p", "strong", t("The sheet is empty")),
      make("p", "small", t("Drag “%(source)s” from the palette to the sheet, or press it; then a fitness check, what judges, a rule and the verdict. Connect them from dot to dot.", { source: this.words.kinds.source })),
    );
    this.empty.append(words);
    box.append(this.empty, this.canvas.root);
    return box;
  }

  _pictures() {
    const box = make("section", "card flow-pictures");
    const head = make("header", "");
    head.append(make("h2", "", t("Stored pictures")));
    this.camera = make("select", "");
    this.camera.setAttribute("aria-label", t("Camera"));
    for (const camera of this.cameras) this.camera.append(new Option(camera.name, camera.id));
    const used = this.packages.find((one) => this.model.nodes.some((node) => node.settings.package === one.sha256));
    const mine = this.cameras.find((one) => one.scene === used?.shop);
    if (mine) this.camera.value = mine.id;
    this.camera.addEventListener("change", () => this._load(false));
    this.verdict = make("span", "flow-verdict");
    this.verdict.setAttribute("role", "status");
    head.append(this.camera, this.verdict);
    this.strip = make("div", "flow-strip");
    box.append(head, this.strip);
    return box;
  }

  /** Show the pictures of the camera; at first those of the next one that has any. */
  async _load(search = true) {
    const from = this.camera.selectedIndex;
    let rows = [];
    for (let n = 0; n < (search ? this.cameras.length : 1) && !rows.length; n++) {
      this.camera.selectedIndex = (from + n) % this.cameras.length;
      rows = await call("GET", `/api/cameras/${encodeURIComponent(this.camera.value)}/pictures?limit=24`).catch(() => []);
    }
    if (!rows.length) this.camera.selectedIndex = from;
    this.strip.replaceChildren(
      ...rows.map((row) => {
        const button = make("button", "");
        button.type = "button";
        button.dataset.picture = row.sha256;
        button.setAttribute("aria-label", t("Picture judged %(verdict)s, %(at)s", { verdict: row.verdict, at: row.triggered_at }));
        const image = Object.assign(make("img", ""), { src: row.image, alt: "", loading: "lazy" });
        button.append(image, make("span", "tiny", row.verdict));
        button.addEventListener("click", () => this.look(row));
        return button;
      }),
    );
    if (!rows.length) this.strip.append(make("p", "quiet small", t("This camera has no stored pictures yet; they come as it judges.")));
    else if (!this.picture) this.look(rows[0]);
  }

  /** Run the pipeline on this stored picture from now on. */
  look(row) {
    this.picture = row;
    for (const button of this.strip.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.picture === row.sha256));
    this.run();
  }

  /** Show the state of the model; check it, and run it on the picture that is looked at. */
  refresh() {
    this.model.node(this.selected) || (this.selected = this.model.nodes[0]?.name ?? null);
    this._show();
    clearTimeout(this.later);
    this.later = setTimeout(() => this._afterwards(), AFTER_MS);
  }

  _show() {
    this.empty.hidden = this.model.nodes.length > 0;
    this.canvas.draw();
    this.settings.draw();
    this.querySelector('[data-flow="undo"]').disabled = !this.model.past.length;
    this.querySelector('[data-flow="redo"]').disabled = !this.model.future.length;
    this.querySelector('[data-flow="save"]').disabled = !this.model.changed;
    const loose = this.remarks.filter((one) => !this.model.node(one.node));
    this.state.className = `small flow-state ${this.remarks.length ? "wrong" : "good"}`;
    this.state.textContent = this.remarks.length
      ? t("%(n)s to mend before it can be published", { n: this.remarks.length }) + (loose.length ? `: ${loose[0].message}` : "")
      : t("can run");
  }

  async _afterwards() {
    const content = this.model.plain();
    try {
      this.remarks = await call("POST", "/quality/pipelines/check.json", { document: content });
    } catch (problem) {
      this.remarks = [{ node: "", setting: "", message: problem.message }];
    }
    this._show();
    await this.run();
  }

  /** Judge the chosen stored picture; what is unfinished is left out. */
  async run() {
    if (!this.picture || !this.model.nodes.length) return;
    const number = (this.runs = (this.runs || 0) + 1);
    this.classList.add("running");
    try {
      const node = this.model.node(this.selected);
      const feeds = (node?.inputs.image || [])[0];
      const wanted = this.settings.drawing || !node ? feeds : node.name;
      const body = { document: this.model.plain(), image_sha256: this.picture.sha256, large: feeds ?? wanted ?? null };
      const answer = await call("POST", "/api/pipelines/run", body);
      if (number !== this.runs) return;
      this.result = answer;
      this.large = answer.nodes;
      const words = { OK: "good", NOK: "bad", UNFIT: "warn" };
      this.verdict.className = `badge flow-verdict ${words[answer.verdict]}`;
      this.verdict.textContent = `${answer.verdict} ${answer.score.toFixed(2)} · ${answer.ms} ms`;
      this.verdict.title = answer.reason || "";
    } catch (problem) {
      if (number !== this.runs) return;
      this.result = null;
      this.verdict.className = "badge flow-verdict bad";
      this.verdict.textContent = problem.message;
    } finally {
      if (number === this.runs) {
        this.classList.remove("running");
        this.canvas.draw();
        this.settings.draw();
      }
    }
  }

  /** What a node found, in a line. */
  figures(result) {
    const found = result.found;
    if (result.failure) return { tone: "warn", text: result.failure };
    if (!result.reached) return { tone: "quiet", text: t("not reached") };
    if (!found) return { tone: "quiet", text: `${result.ms} ms` };
    const tone = { OK: "good", NOK: "bad", UNFIT: "warn" }[found.verdict] || "quiet";
    const value = found.value !== undefined && found.value !== null ? `${found.value} ${found.unit}` : found.text || found.reason || "";
    const score = found.score !== undefined ? t("score %(score)s", { score: found.score.toFixed(3) }) : "";
    return { tone, text: [found.verdict, value, score, `${result.ms} ms`].filter(Boolean).join(" · ") };
  }

  /** A node in words: kind, what feeds it, what is wrong. */
  describe(name) {
    const node = this.model.node(name);
    const from = Object.values(node.inputs).flat();
    const wrong = this.remarks.filter((one) => one.node === name).map((one) => one.message);
    const result = this.result?.nodes?.[name];
    return [
      `${name}, ${this.words.kinds[node.kind] || node.kind}`,
      from.length ? t("fed by %(names)s", { names: from.join(", ") }) : "",
      result ? this.figures(result).text : "",
      ...wrong,
    ].filter(Boolean).join("; ");
  }

  select(name, { focus = true } = {}) {
    this.selected = name;
    this.wire = null;
    this.settings.drawing = null;
    this._show();
    if (focus) this.canvas.focus(name);
    if (this.picture && this.result && !this.large[name]) this.run();
  }

  chooseWire(wire) {
    this.wire = wire;
    this.canvas.drawWires();
    if (wire) {
      this.say(t("Wire from %(from)s to %(to)s; Delete removes it", wire));
      this.canvas.root.tabIndex = -1;
      this.canvas.root.focus({ preventScroll: true });
    }
  }

  /** Take a kind from the palette by hand: dropped on the sheet it becomes a node there. */
  _take(event, kind) {
    if (event.button) return;
    const ghost = make("div", "flow-ghost", this.words.kinds[kind]);
    const gone = new AbortController();
    let far = false;
    this.taken = false;
    addEventListener("pointermove", (now) => {
      far ||= Math.hypot(now.clientX - event.clientX, now.clientY - event.clientY) > FAR_PX;
      if (!far) return;
      if (!ghost.isConnected) document.body.append(ghost);
      ghost.style.transform = `translate(${now.clientX}px, ${now.clientY}px)`;
    }, { signal: gone.signal });
    for (const end of ["pointerup", "pointercancel"]) {
      addEventListener(end, (last) => {
        gone.abort();
        ghost.remove();
        if (!far) return;
        this.taken = true;
        setTimeout(() => (this.taken = false), 0);
        const sheet = this.canvas.root.getBoundingClientRect();
        const inside = last.clientX > sheet.left && last.clientX < sheet.right && last.clientY > sheet.top && last.clientY < sheet.bottom;
        if (end === "pointerup" && inside) {
          const [x, y] = this.canvas.point(last);
          this._added(this.model.add(kind, [x - 100, y - 16], this.words.kinds[kind]));
        }
      }, { signal: gone.signal });
    }
  }

  /** Add a node beside the chosen one; its output feeds the new node where that is the only way. */
  add(kind) {
    const beside = this.selected;
    const name = this.model.add(kind, this.model.freePlace(beside), this.words.kinds[kind]);
    if (beside) {
      const [first] = this.model.targets(beside).filter((target) => target.node === name);
      if (first) this.model.connect(beside, name, first.inlet);
    }
    this._added(name);
  }

  _added(name) {
    this.selected = name;
    this.refresh();
    this.canvas.focus(name);
    this.say(t("%(node)s added", { node: name }));
  }

  remove(name) {
    const next = this.model.neighbour(name, "left") || this.model.neighbour(name, "right");
    this.model.remove(name);
    this.selected = next;
    this.refresh();
    if (this.selected) this.canvas.focus(this.selected);
    this.say(t("%(node)s deleted", { node: name }));
  }

  rename(name, to) {
    if (!this.model.rename(name, to)) {
      if (name !== to) toast(t("A name has 1 to 40 letters, digits, spaces, dots or hyphens, and is given once."), "warn");
      return false;
    }
    this.selected = to;
    this.refresh();
    return true;
  }

  set(name, setting, value) {
    this.model.set(name, setting, value);
    this.refresh();
  }

  /** Connect two nodes; without an inlet the first that fits. */
  connect(from, to, inlet) {
    const target = this.model.targets(from).find((one) => one.node === to && (!inlet || one.inlet === inlet));
    if (!target) {
      const kind = this.model.kind(this.model.node(to));
      const takes = kind.inputs.filter((one) => !inlet || one.name === inlet).map((one) => this.words.ports[one.name] || one.name);
      const gives = this.words.ports[this.model.kind(this.model.node(from)).output] || "–";
      const words = takes.length
        ? t("%(to)s takes %(takes)s; %(from)s gives %(gives)s", { to, takes: takes.join(", "), from, gives })
        : t("%(to)s takes nothing", { to });
      this.say(words);
      toast(words, "warn");
      return false;
    }
    this.model.connect(from, to, target.inlet);
    this.refresh();
    this.say(t("%(from)s feeds %(to)s", { from, to }));
    return true;
  }

  disconnect(from, to, inlet) {
    this.model.disconnect(from, to, inlet);
    this.wire = null;
    this.refresh();
    this.say(t("%(from)s no longer feeds %(to)s", { from, to }));
  }

  undo() {
    if (this.model.undo()) this._brought(t("Undone"));
  }

  redo() {
    if (this.model.redo()) this._brought(t("Done again"));
  }

  _brought(words) {
    const held = this.contains(document.activeElement) && document.activeElement.closest?.(".flow-node");
    this.wire = null;
    this.refresh();
    if (held && this.selected) this.canvas.focus(this.selected);
    this.say(words);
  }

  async save() {
    try {
      const answer = await call("PUT", `/api/pipelines/${this.id_}`, { document: this.model.plain(), note: this.note.value }, { "If-Match": `"${this.head}"` });
      this.head = answer.number;
      this.model.settle();
      location.reload();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      toast(problem.message, "bad");
    }
  }

  async _compare(event) {
    event.preventDefault();
    const form = event.target;
    const list = document.getElementById("changes");
    const query = new URLSearchParams(new FormData(form));
    const rows = await call("GET", `${form.dataset.src}?${query}`).catch((problem) => [{ message: problem.message }]);
    const words = rows.length ? rows.map((row) => row.message) : [t("No difference in content")];
    list.replaceChildren(...words.map((text) => make("li", "entry small", text)));
  }

  _key(event) {
    const typing = event.target.closest("input, select, textarea");
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === "s") return this._did(event, () => this.save());
    if (typing) return;
    if (command && event.key.toLowerCase() === "z") return this._did(event, () => (event.shiftKey ? this.redo() : this.undo()));
    if (command && event.key.toLowerCase() === "y") return this._did(event, () => this.redo());
    if (command || event.altKey) return;
    if (this.connecting) return this._connectKey(event);
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "a") return this._did(event, () => this.paletteBox.querySelector("button").focus());
    if (key === "r") return this._did(event, () => this.run());
    if ((key === "Delete" || key === "Backspace") && this.wire) return this._did(event, () => this.disconnect(this.wire.from, this.wire.to, this.wire.inlet));
    if (!event.target.closest(".flow-node") || !this.selected) return;
    const direction = ARROWS[key];
    if (direction && event.shiftKey) {
      const [x, y] = this.model.place(this.selected);
      return this._did(event, () => {
        this.model.move(this.selected, [x + MOVES[direction][0], y + MOVES[direction][1]]);
        this.refresh();
        this.canvas.focus(this.selected);
      });
    }
    if (direction) {
      const next = this.model.neighbour(this.selected, direction);
      return this._did(event, () => next && this.select(next));
    }
    if (key === "Enter" || key === " ") return this._did(event, () => this.settings.focus());
    if (key === "Delete" || key === "Backspace") return this._did(event, () => this.remove(this.selected));
    if (key === "c") return this._did(event, () => this._beginConnecting());
  }

  _did(event, act) {
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  _beginConnecting() {
    const targets = this.model.targets(this.selected);
    if (!targets.length) return this.say(t("Nothing on the sheet takes what %(node)s gives", { node: this.selected }));
    this.connecting = { from: this.selected, targets, at: 0 };
    this._pointAt();
  }

  _pointAt() {
    const { from, targets, at } = this.connecting;
    const { node, inlet } = targets[at];
    for (const port of this.canvas.root.querySelectorAll(".flow-port.chosen")) port.classList.remove("chosen");
    this.canvas.shown.get(node)?.querySelector(`[data-inlet="${CSS.escape(inlet)}"]`)?.classList.add("chosen");
    this.say(t("Connect %(from)s to %(to)s, %(inlet)s? %(at)s of %(n)s; Enter connects, Escape ends", { from, to: node, inlet: this.words.ports[inlet] || inlet, at: at + 1, n: targets.length }));
  }

  _connectKey(event) {
    const { from, targets, at } = this.connecting;
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step) {
      return this._did(event, () => {
        this.connecting.at = (at + step + targets.length) % targets.length;
        this._pointAt();
      });
    }
    if (event.key !== "Enter" && event.key !== "Escape") return undefined;
    return this._did(event, () => {
      this.connecting = null;
      for (const port of this.canvas.root.querySelectorAll(".flow-port.chosen")) port.classList.remove("chosen");
      if (event.key === "Enter") this.connect(from, targets[at].node, targets[at].inlet);
      else this.say(t("Not connected"));
      this.canvas.focus(from);
    });
  }
}

MesFlow.prototype.upload = upload;
customElements.define("mes-flow", MesFlow);
