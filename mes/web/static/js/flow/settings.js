// Settings of the chosen node: one field a setting, its inputs as lists, zones drawn on the picture that it sees.

import { t } from "../i18n.js";
import { toast } from "../toast.js";
import { make } from "./canvas.js";

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["zone", "corners", "point"]);

/** What a field says of a value: zones and points as numbers, corners as pairs. */
function written(type, value) {
  if (value === null || value === undefined) return "";
  if (type === "corners") return value.map((at) => at.map((part) => Number(part.toFixed(3))).join(", ")).join("; ");
  if (Array.isArray(value)) return value.join(", ");
  return String(value);
}

/** The value of what was typed; text that is none comes back as it is, and the check says what is wrong. */
function read(type, text) {
  const words = text.trim();
  if (!words) return null;
  const numbers = (part) => part.split(/[,，\s]+/).filter(Boolean).map(Number);
  if (type === "number" || type === "integer") return Number.isFinite(Number(words)) ? Number(words) : words;
  if (type === "zone" || type === "point") return numbers(words);
  if (type === "color" && !words.startsWith("#")) return numbers(words);
  if (type === "corners") return words.split(/[;；\n]+/).filter((part) => part.trim()).map(numbers);
  if (type === "texts") return words.split(/[,，]/).map((part) => part.trim()).filter(Boolean);
  return words;
}

export class FlowSettings {
  constructor(owner) {
    this.owner = owner;
    this.root = make("section", "card flow-settings");
    this.root.setAttribute("aria-label", t("Settings of the node"));
    this.drawing = null;
  }

  /** Show the chosen node, or what to do when none is; fields that are the same stay, and so does the focus. */
  draw() {
    const { model } = this.owner;
    const node = model.node(this.owner.selected);
    const shape = node && JSON.stringify([node.name, node.kind, this.drawing, node.inputs, model.kind(node).inputs.map((inlet) => model.sources(node.name, inlet.name))]);
    if (!node || shape !== this.shape) {
      const held = this.root.contains(document.activeElement) ? document.activeElement.id : "";
      this.shape = shape;
      this._build(node);
      if (held) document.getElementById(held)?.focus();
    }
    if (node) this._bring(node);
  }

  /** Bring values, remarks and the picture up to date. */
  _bring(node) {
    const { model, words, remarks, result } = this.owner;
    const kind = model.kind(node);
    const wrong = remarks.filter((one) => one.node === node.name);
    for (const setting of kind.settings) {
      const control = this.controls[setting.name];
      const value = node.settings[setting.name] ?? (setting.required ? null : setting.default);
      if (control === undefined) continue;
      if (typeof control === "function") control(value);
      else if (control.type === "checkbox") control.checked = Boolean(value);
      else if (control !== document.activeElement) control.value = control.tagName === "SELECT" ? (value ?? "") : written(setting.type, value);
      if (control.setAttribute) {
        if (wrong.some((one) => one.setting === (words.settings[setting.name] || setting.name))) control.setAttribute("aria-invalid", "true");
        else control.removeAttribute("aria-invalid");
      }
    }
    const said = wrong.map((one) => one.message);
    const failure = result?.nodes?.[node.name]?.failure;
    if (failure) said.push(failure);
    this.said.replaceChildren(...said.map((words_) => make("p", "error", words_)));
    if (!this.held) this.shown.replaceChildren(this._picture(node, kind));
  }

  _build(node) {
    const { model, words } = this.owner;
    this.controls = {};
    const head = make("header", "");
    head.append(make("h2", "", node ? words.kinds[node.kind] || node.kind : t("Settings")));
    const body = make("div", "body stack");
    this.root.replaceChildren(head, body);
    if (!node) {
      body.append(make("p", "quiet small", t("Choose a node on the sheet to see its settings; take one from the palette to begin.")));
      body.append(this._keys());
      return;
    }
    const kind = model.kind(node);
    body.append(make("p", "small quiet", words.hints[node.kind] || ""));
    body.append(this._name(node));
    for (const inlet of kind.inputs) body.append(this._inlet(node, inlet));
    for (const setting of kind.settings) body.append(this._setting(node, setting));
    this.said = make("div", "");
    this.shown = make("div", "");
    body.append(this.said, this.shown);
    const remove = make("button", "btn danger", t("Delete node"));
    remove.type = "button";
    remove.addEventListener("click", () => this.owner.remove(node.name));
    body.append(remove);
  }

  /** Put the focus on the first field. */
  focus() {
    this.root.querySelector("input, select, textarea")?.focus();
  }

  _keys() {
    const list = make("dl", "facts small flow-keys");
    const keys = [
      ["A", t("palette")],
      ["← → ↑ ↓", t("from node to node")],
      ["Shift ←", t("move the node")],
      ["C", t("connect its output: arrows choose, Enter connects")],
      ["Enter", t("settings of the node")],
      ["Delete", t("delete the node or wire")],
      ["Ctrl Z · Ctrl Y", t("undo, redo")],
      ["R", t("run")],
    ];
    for (const [key, what] of keys) {
      const term = make("dt", "");
      term.append(make("kbd", "", key));
      list.append(term, make("dd", "", what));
    }
    return list;
  }

  _field(id, word, control, hint = "") {
    const field = make("div", "field");
    const label = make("label", "", word);
    label.htmlFor = id;
    control.id = id;
    field.append(label, control);
    if (hint) field.append(make("p", "hint", hint));
    return field;
  }

  _name(node) {
    const input = make("input", "");
    input.value = node.name;
    input.maxLength = 40;
    input.addEventListener("change", () => {
      if (!this.owner.rename(node.name, input.value.trim())) input.value = node.name;
    });
    return this._field("flow-name", t("Name"), input);
  }

  _inlet(node, inlet) {
    const { model, words } = this.owner;
    const word = t("Input: %(what)s", { what: words.ports[inlet.name] || inlet.name });
    const there = node.inputs[inlet.name] || [];
    const sources = [...new Set([...model.sources(node.name, inlet.name), ...there])];
    if (inlet.many) {
      const group = make("fieldset", "");
      group.append(make("legend", "", word));
      if (!sources.length) group.append(make("p", "small quiet", t("No node gives what this input takes.")));
      for (const from of sources) {
        const label = make("label", "row tight");
        const box = Object.assign(make("input", ""), { type: "checkbox", checked: there.includes(from) });
        box.addEventListener("change", () => (box.checked ? this.owner.connect(from, node.name, inlet.name) : this.owner.disconnect(from, node.name, inlet.name)));
        label.append(box, ` ${from}`);
        group.append(label);
      }
      return group;
    }
    const select = make("select", "");
    select.append(new Option(t("not connected"), ""));
    for (const from of sources) select.append(new Option(from, from, false, there.includes(from)));
    select.addEventListener("change", () => {
      if (select.value) this.owner.connect(select.value, node.name, inlet.name);
      else this.owner.disconnect(there[0], node.name, inlet.name);
    });
    return this._field(`flow-in-${inlet.name}`, word, select);
  }

  _setting(node, setting) {
    const { words } = this.owner;
    const word = `${words.settings[setting.name] || setting.name}${setting.unit ? ` (${setting.unit})` : ""}`;
    const id = `flow-s-${setting.name}`;
    const value = node.settings[setting.name] ?? (setting.required ? null : setting.default);
    const put = (now) => this.owner.set(node.name, setting.name, now);
    let control;
    if (setting.type === "switch") {
      const label = make("label", "row tight");
      control = Object.assign(make("input", ""), { type: "checkbox", checked: Boolean(value), id });
      control.addEventListener("change", () => put(control.checked));
      label.append(control, ` ${word}`);
      this.controls[setting.name] = control;
      return label;
    }
    if (setting.type === "choice" || setting.type === "package") {
      control = make("select", "");
      const choices = setting.type === "choice" ? setting.choices.map((one) => [one, one]) : this.owner.packages.map((one) => [one.sha256, `${one.title} · ${one.shop}`]);
      if (!choices.some(([one]) => one === value)) control.append(new Option(value ? `${String(value).slice(0, 12)}…` : "–", value ?? ""));
      for (const [one, text] of choices) control.append(new Option(text, one, false, one === value));
      control.addEventListener("change", () => put(control.value || null));
    } else if (setting.type === "picture") {
      return this._pictureField(node, setting, word, put);
    } else {
      control = make("input", "");
      control.value = written(setting.type, value);
      if (setting.type === "number" || setting.type === "integer") Object.assign(control, { type: "number", step: setting.type === "integer" ? "1" : "any" });
      control.addEventListener("change", () => put(read(setting.type, control.value)));
    }
    this.controls[setting.name] = control;
    const field = this._field(id, word, control, this._hint(setting.type));
    if (DRAWN.has(setting.type)) {
      const button = make("button", "btn", this.drawing === setting.name ? t("Stop drawing") : t("Draw on the picture"));
      button.type = "button";
      button.setAttribute("aria-pressed", String(this.drawing === setting.name));
      button.addEventListener("click", () => {
        this.drawing = this.drawing === setting.name ? null : setting.name;
        this.corners = [];
        this.owner.run();
        this.draw();
      });
      field.append(button);
    }
    return field;
  }

  _hint(type) {
    return {
      zone: t("x, y, width, height in pixels"),
      point: t("x, y in pixels"),
      corners: t("x, y in shares of the picture, one corner after the other, with semicolons between"),
      color: t("#rrggbb, or L, a, b"),
      texts: t("separated by commas"),
    }[type] || "";
  }

  _pictureField(node, setting, word, put) {
    const field = make("div", "field");
    const picture = make("img", "flow-chosen");
    picture.alt = word;
    field.append(make("span", "label", word), picture);
    const row = make("div", "row");
    const use = make("button", "btn", t("Take the picture shown"));
    use.type = "button";
    use.addEventListener("click", () => put(this.owner.picture.sha256));
    row.append(use);
    let cut = null;
    if (setting.name === "pattern") {
      cut = make("button", "btn", t("Cut the zone out"));
      cut.type = "button";
      cut.addEventListener("click", () => this._cut(this.owner.model.node(node.name), put));
      row.append(cut);
    }
    field.append(row);
    this.controls[setting.name] = (now) => {
      const present = this.owner.model.node(node.name);
      picture.hidden = !now;
      if (now) picture.src = `/api/images/${encodeURIComponent(now)}`;
      use.disabled = !this.owner.picture;
      if (cut) cut.disabled = !Array.isArray(present.settings.zone) || !this._seen(present);
    };
    return field;
  }

  /** What the node sees: the picture of the node that feeds it, or the stored picture itself. */
  _seen(node) {
    const from = (node.inputs.image || [])[0];
    const result = from && this.owner.large?.[from];
    if (result?.picture) return { src: result.picture, px: result.px };
    return this.owner.picture && (!from || this.owner.model.node(from)?.kind === "source" || this.owner.model.node(from)?.kind === "fitness") ? { src: this.owner.picture.image, px: this.owner.picture.px } : null;
  }

  /** Cut the middle of the zone out of what the node sees, store it, and use it as the pattern. */
  async _cut(node, put) {
    const seen = this._seen(node);
    const image = new Image();
    image.src = seen.src;
    await image.decode();
    const scale = image.naturalWidth / seen.px[0];
    const [x, y, w, h] = node.settings.zone;
    const inner = [x + w / 8, y + h / 8, (w * 3) / 4, (h * 3) / 4];
    const sheet = make("canvas", "");
    sheet.width = Math.max(8, Math.round(inner[2]));
    sheet.height = Math.max(8, Math.round(inner[3]));
    sheet.getContext("2d").drawImage(image, inner[0] * scale, inner[1] * scale, inner[2] * scale, inner[3] * scale, 0, 0, sheet.width, sheet.height);
    const blob = await new Promise((done) => sheet.toBlob(done, "image/png"));
    try {
      put((await this.owner.upload(blob)).sha256);
    } catch (problem) {
      toast(problem.message, "bad");
    }
  }

  _picture(node, kind) {
    const drawn = kind.settings.filter((setting) => DRAWN.has(setting.type));
    const seen = drawn.length ? this._seen(node) : null;
    const own = this.owner.large?.[node.name];
    const shown = this.drawing || !own?.picture ? seen : { src: own.picture, px: own.px };
    if (!shown?.px?.[0]) return make("div", "");
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", `picture flow-large${this.drawing ? " drawing" : ""}`);
    svg.setAttribute("viewBox", `0 0 ${shown.px[0]} ${shown.px[1]}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", t("What %(node)s made of the picture", { node: node.name }));
    const add = (tag, attributes) => {
      const one = document.createElementNS(SVG, tag);
      for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
      svg.append(one);
      return one;
    };
    add("image", { href: shown.src, width: shown.px[0], height: shown.px[1] });
    for (const setting of drawn) {
      const value = node.settings[setting.name];
      if (!Array.isArray(value)) continue;
      if (setting.type === "zone" && value.length === 4) add("rect", { class: "box", x: value[0], y: value[1], width: value[2], height: value[3] });
      if (setting.type === "corners") add("polygon", { class: "box", points: value.map(([x, y]) => `${x * shown.px[0]},${y * shown.px[1]}`).join(" ") });
      if (setting.type === "point" && value.length === 2) add("circle", { class: "box", cx: value[0], cy: value[1], r: 4 });
    }
    if (this.drawing) this._draw(svg, node, drawn.find((setting) => setting.name === this.drawing), shown.px, add);
    return svg;
  }

  _draw(svg, node, setting, px, add) {
    if (!setting) return;
    const put = (value) => this.owner.set(node.name, setting.name, value);
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      const inside = (value, size) => Math.min(Math.max(value, 0), size);
      return [inside(((event.clientX - box.left) / box.width) * px[0], px[0]), inside(((event.clientY - box.top) / box.height) * px[1], px[1])];
    };
    svg.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const start = at(event);
      if (setting.type === "point") {
        put(start.map((value) => Number(value.toFixed(1))));
        return;
      }
      if (setting.type === "corners") {
        this.corners.push([start[0] / px[0], start[1] / px[1]]);
        add("circle", { class: "box", cx: start[0], cy: start[1], r: Math.max(px[0] / 100, 2) });
        if (this.corners.length >= 3) put(this.corners.map((corner) => corner.map((part) => Number(part.toFixed(4)))));
        return;
      }
      const rect = add("rect", { class: "box", x: start[0], y: start[1], width: 0, height: 0 });
      const gone = new AbortController();
      let zone = null;
      this.held = true;
      addEventListener("pointermove", (now) => {
        const end = at(now);
        const [x, y] = [Math.min(start[0], end[0]), Math.min(start[1], end[1])].map(Math.round);
        zone = [x, y, Math.round(Math.abs(end[0] - start[0])), Math.round(Math.abs(end[1] - start[1]))];
        zone = [x, y, Math.min(zone[2], px[0] - x), Math.min(zone[3], px[1] - y)];
        ["x", "y", "width", "height"].forEach((name, n) => rect.setAttribute(name, zone[n]));
      }, { signal: gone.signal });
      addEventListener("pointerup", () => {
        gone.abort();
        this.held = false;
        if (!zone || zone[2] < 4 || zone[3] < 4) return rect.remove();
        this.drawing = null;
        put(zone);
      }, { signal: gone.signal });
    });
  }
}

/** Store a picture that no camera took; answers its name. */
export async function upload(blob) {
  const answer = await fetch("/api/pipelines/pictures", {
    method: "POST",
    body: blob,
    headers: { "X-CSRF-Token": document.querySelector('meta[name="csrf-token"]')?.content || "", Accept: "application/json" },
    credentials: "same-origin",
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || body.title);
  return body;
}
