// <mes-reviewer src="…queue.json" start="hold id"> — one key a verdict, next, undo.
//
// R rework and next · F false call · S scrap · A use as is (asks why, inline) · U undo · ←/→ picture before
// and after · C defect code · D correct regions · H heat map · B regions · 1 native zoom · 0 fit · +/− zoom ·
// Shift+arrows pan.

import { call, Problem } from "../api.js";
import { duration, t } from "../i18n.js";
import { toast } from "../toast.js";
import { besideCards } from "./beside.js";
import { CodePicker } from "./codes.js";
import { RegionEditor } from "./regions.js";
import { PictureView } from "./view.js";

const KEYS = { r: "rework", f: "false_call", s: "scrap", a: "use_as_is" };

const PAN = 80;
const ARROWS = { arrowright: [-PAN, 0], arrowleft: [PAN, 0], arrowdown: [0, -PAN], arrowup: [0, PAN] };

const text = (tag, className, content = "") => Object.assign(document.createElement(tag), { className, textContent: content });

export class MesReviewer extends HTMLElement {
  connectedCallback() {
    this.items = [];
    this.at = 0;
    this.done = [];
    this.began = performance.now();
    this.innerHTML = `
      <section class="card review-queue"><header><h2></h2><span class="count"></span></header><ol></ol></section>
      <section class="card review-stage">
        <header><h2 class="what"></h2><span class="row end"><button class="btn" type="button" data-act="code"></button><button class="btn" type="button" data-act="draw"></button><button class="btn" type="button" data-act="boxes"></button><button class="btn" type="button" data-act="heat"></button><button class="btn" type="button" data-act="native">1:1</button><button class="btn" type="button" data-act="fit"></button><span class="small quiet zoom"></span></span></header>
        <div class="review-view" tabindex="0"></div>
        <div class="verdicts"></div>
      </section>
      <section class="review-side"></section>
      <p class="visually-hidden" aria-live="polite"></p>`;
    const find = (selector) => this.querySelector(selector);
    [this.list, this.count, this.what, this.stage, this.side, this.said, this.verdicts] = [
      ".review-queue ol", ".review-queue .count", ".what", ".review-view", ".review-side", "[aria-live]", ".verdicts",
    ].map(find);
    find(".review-queue h2").textContent = t("Queue");
    for (const [act, word, key, pressed] of [["code", t("Defect code"), "C"], ["draw", t("Correct"), "D", "false"], ["boxes", t("Regions"), "B", "true"], ["heat", t("Heat map"), "H", "false"]]) {
      const button = find(`[data-act="${act}"]`);
      button.append(`${word} `, text("kbd", "", key));
      if (pressed) button.setAttribute("aria-pressed", pressed);
    }
    find('[data-act="fit"]').textContent = t("Fit");
    this.stage.setAttribute("aria-label", t("Picture; wheel zooms, drag pans"));
    this.view = new PictureView(this.stage);
    this.editor = new RegionEditor(this.view, () => this._editing());
    this.picker = new CodePicker((code) => this._coded(code));
    this.stage.addEventListener("zoomed", (event) => (find(".zoom").textContent = `${Math.round(event.detail * 100)} %`));
    this.stage.addEventListener("no-heat", () => {
      find('[data-act="heat"]').setAttribute("aria-pressed", "false");
      toast(t("The picture cannot be judged again: its model is not here."), "warn");
    });
    this.addEventListener("click", (event) => {
      const act = event.target.closest("[data-act]")?.dataset.act;
      if (act) this._act(act);
      const row = event.target.closest("[data-hold]");
      if (row) this.show(this.items.findIndex((item) => item.hold === row.dataset.hold));
    });
    this.gone = new AbortController();
    document.addEventListener("keydown", (event) => this._key(event), { signal: this.gone.signal });
    document.addEventListener("plant-nudge", (event) => {
      const mine = (this.getAttribute("refresh") || "").split(" ");
      if (event.detail.topics.some((topic) => mine.includes(topic))) this.load();
    }, { signal: this.gone.signal });
    this._buttons();
    this.load();
  }

  disconnectedCallback() {
    this.gone.abort();
  }

  /** Fetch the queue; the picture being looked at stays. */
  async load() {
    const answer = await call("GET", this.getAttribute("src")).catch((problem) => toast(problem.message, "bad") && null);
    if (!answer?.items) return;
    const current = this.items[this.at]?.hold ?? this.getAttribute("start");
    const deciding = new Set(this.done.map((one) => one.hold));
    this.items = answer.items.filter((item) => !deciding.has(item.hold));
    this.picker.codes = answer.codes;
    this.decidedHour = answer.decided_hour;
    const found = this.items.findIndex((item) => item.hold === current);
    const same = found >= 0 && this.shown === current;
    this.at = found >= 0 ? found : Math.min(this.at, Math.max(0, this.items.length - 1));
    this._queue();
    if (!same) this.show(this.at);
  }

  /** Look at an item of the queue. */
  show(at) {
    this.at = Math.max(0, Math.min(at, this.items.length - 1));
    const item = this.items[this.at];
    this.shown = item?.hold;
    this._queue();
    this._closeReason();
    this.picker.close();
    this.code = null;
    this.querySelector('[data-act="heat"]').setAttribute("aria-pressed", "false");
    this.began = performance.now();
    if (!item) return this._empty();
    this._title(item);
    this.said.textContent = `${item.subject}, ${item.defect}, ${item.line}`;
    const seen = item.inspection;
    if (seen?.image) {
      this.view.show(seen, `${seen.camera} ${item.subject}`);
      this.editor.begin(seen);
    } else this._message(this._noPicture(seen));
    this._facts(item);
    for (const button of this.verdicts.querySelectorAll("button")) button.disabled = false;
    this.verdicts.querySelector('[data-act="rework"]').disabled = !item.may_rework;
  }

  _noPicture(seen) {
    if (!seen) return t("Reported by a person: there is no picture.");
    if (seen.taken) return t("The picture is still at the line; it follows.");
    return t("The camera gave no picture: look at the part itself.");
  }

  _title(item) {
    this.what.textContent = `${item.subject} · ${this.code ? this.picker.word(this.code) : item.defect}`;
  }

  _message(words) {
    this.view.clear();
    this.editor.begin(null);
    const box = text("div", "missing");
    box.append(text("p", "", words));
    this.stage.replaceChildren(box);
  }

  _empty() {
    this.what.textContent = t("Nothing waits for a verdict");
    this._message(t("Every picture that a line refused is decided. New ones appear here by themselves."));
    this.side.replaceChildren();
    for (const button of this.verdicts.querySelectorAll("button:not([data-act=undo])")) button.disabled = true;
  }

  _queue() {
    this.count.textContent = String(this.items.length);
    this.list.replaceChildren(
      ...this.items.map((item, index) => {
        const button = text("button", "");
        button.type = "button";
        button.dataset.hold = item.hold;
        if (index === this.at) button.setAttribute("aria-current", "true");
        const thumb = item.inspection?.image
          ? Object.assign(document.createElement("img"), { className: "thumb", src: item.inspection.image, alt: "", loading: "lazy", width: 48, height: 48 })
          : text("span", "thumb");
        const age = text("span", "tiny quiet", duration(item.age_s));
        button.append(thumb, text("span", "strong subject", item.subject), text("span", "small quiet", item.defect), age);
        const li = document.createElement("li");
        li.append(button);
        return li;
      }),
    );
    this.list.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }

  async _facts(item) {
    const seen = item.inspection;
    const card = text("section", "card");
    const body = text("div", "body stack");
    const facts = text("dl", "facts");
    const add = (name, value, href = "") => {
      if (!value) return;
      const dd = text("dd", "", href ? "" : value);
      if (href) dd.append(Object.assign(text("a", "", value), { href }));
      facts.append(text("dt", "", name), dd);
    };
    add(t("Order"), item.order, item.order && `/orders/${encodeURIComponent(item.order)}`);
    add(t("Promised"), item.promised);
    add(t("Car"), item.car);
    add(t("Line"), item.line);
    add(t("Held since"), item.placed);
    add(t("Rework assumed"), item.rework_s ? duration(item.rework_s) : "");
    add(t("Confirmed by itself at"), item.review_by);
    add(t("Inspection model"), seen?.model);
    add(t("Reason"), seen?.reason);
    if (seen?.threshold > 0) body.append(this._scale(seen));
    body.append(facts);
    card.append(body);
    this.side.replaceChildren(card);
    if (!seen) return;
    this._measures(item, seen, facts);
    const rows = await call("GET", `/quality/review/${seen.id}/beside.json`).catch(() => []);
    if (this.items[this.at] !== item) return;
    this.beside = { rows, seen, region: undefined };
    this._history();
  }

  /** Golden picture and history of the zone where the chosen region is. */
  _history() {
    if (!this.beside || this.items[this.at]?.inspection !== this.beside.seen) return;
    const region = this.editor.chosen ?? null;
    if (region === this.beside.region) return;
    for (const old of this.side.querySelectorAll(":scope > figure, .zone-history")) old.remove();
    this.side.append(...besideCards(this.beside.rows, this.beside.seen, region));
    this.beside.region = region;
  }

  /** Regions are being corrected, or are not any more. */
  _editing() {
    const active = this.editor?.active ?? false;
    this.querySelector('[data-act="draw"]').setAttribute("aria-pressed", String(active));
    this.stage.classList.toggle("drawing", active);
    if (this.hint) this.hint.hidden = !active;
    if (this.editor && !active) this._history();
  }

  /** A code was chosen: the next verdict carries it. */
  _coded(code) {
    this.code = code;
    this._title(this.items[this.at]);
    this.said.textContent = this.picker.word(code);
    this.stage.focus();
  }

  /** What the gauges of the station's pipeline read, where one judged. */
  async _measures(item, seen, facts) {
    const rows = await call("GET", `/quality/review/${seen.id}/measures.json`).catch(() => []);
    if (this.items[this.at] !== item) return;
    for (const row of rows) {
      const limits = row.low === null && row.high === null ? "" : ` [${row.low ?? ""} … ${row.high ?? ""}]`;
      const dd = text("dd", "", `${row.value}${limits} `);
      dd.append(text("span", `badge ${{ OK: "good", NOK: "bad" }[row.verdict] || "warn"}`, row.verdict));
      if (row.reason) dd.append(text("span", "small quiet", ` ${row.reason}`));
      facts.append(text("dt", "", row.node), dd);
    }
  }

  _scale(seen) {
    const SVG = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "scale");
    svg.setAttribute("viewBox", "0 0 200 34");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", t("Score %(score)s, threshold %(threshold)s", { score: seen.score.toFixed(3), threshold: seen.threshold.toFixed(3) }));
    const draw = (tag, attributes, words = "") => {
      const node = document.createElementNS(SVG, tag);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      node.textContent = words;
      svg.append(node);
    };
    const x = (value) => 2 + value * 196;
    draw("rect", { class: "track", x: 2, y: 16, width: 196, height: 6, rx: 3 });
    draw("rect", { class: "over", x: x(seen.threshold), y: 16, width: 198 - x(seen.threshold), height: 6, rx: 3 });
    draw("line", { class: "threshold", x1: x(seen.threshold), x2: x(seen.threshold), y1: 12, y2: 26 });
    draw("path", { class: "score", d: `M${x(seen.score)} 15l-5 -8h10z` });
    draw("text", { class: "words", x: 2, y: 33 }, `${t("score")} ${seen.score.toFixed(3)}`);
    draw("text", { class: "words", x: 198, y: 33, "text-anchor": "end" }, `${t("threshold")} ${seen.threshold.toFixed(3)}`);
    return svg;
  }

  _buttons() {
    const row = text("div", "review-keys");
    const words = { rework: t("Rework"), false_call: t("False call"), scrap: t("Scrap"), use_as_is: t("Use as is"), undo: t("Undo") };
    for (const [key, act] of [...Object.entries(KEYS), ["u", "undo"]]) {
      const button = text("button", `btn${act === "rework" ? " primary" : act === "scrap" ? " danger" : ""}`, words[act]);
      button.type = "button";
      button.dataset.act = act;
      button.append(text("kbd", "", key.toUpperCase()));
      row.append(button);
    }
    this.reason = document.createElement("form");
    this.reason.className = "review-keys reason";
    this.reason.hidden = true;
    const field = Object.assign(document.createElement("input"), { name: "reason", required: true, maxLength: 500, placeholder: t("Why may it be used as it is?") });
    field.setAttribute("aria-label", field.placeholder);
    const send = Object.assign(text("button", "btn primary", t("Use as is")), { type: "submit" });
    this.reason.append(field, send);
    this.reason.addEventListener("submit", (event) => {
      event.preventDefault();
      this.decide("use_as_is", field.value.trim());
    });
    this.pace = text("p", "small quiet pace");
    this.hint = text("p", "small review-hint", t("Arrows move the region, Shift+arrows size it, Tab goes to the next, N draws a new one, Delete removes it, Enter keeps, Escape puts back. A drag draws, too."));
    this.hint.hidden = true;
    this.verdicts.append(this.hint, row, this.reason, this.picker.form, this.pace);
    this._pace();
  }

  _pace() {
    const spent = this.done.map((one) => one.seconds);
    const mean = spent.length ? spent.reduce((a, b) => a + b, 0) / spent.length : 0;
    this.pace.textContent = spent.length
      ? t("%(n)s decided in this sitting, %(pace)s each", { n: spent.length, pace: duration(mean) })
      : t("One key decides and goes on; U takes the last decision back.");
  }

  _closeReason() {
    this.reason.hidden = true;
    this.reason.reset();
  }

  _act(act) {
    if (act === "heat") this.querySelector('[data-act="heat"]').setAttribute("aria-pressed", String(this.view.toggleHeat()));
    else if (act === "boxes") this.querySelector('[data-act="boxes"]').setAttribute("aria-pressed", String(this.view.toggleRegions()));
    else if (act === "draw") this.editor.toggle();
    else if (act === "code") {
      if (this.items.length) this.picker.open(this.items[this.at].found_at);
    } else if (act === "native") this.view.native();
    else if (act === "fit") this.view.fit();
    else if (act === "undo") this.undo();
    else if (act === "use_as_is") {
      if (!this.items.length) return;
      this.reason.hidden = false;
      this.reason.elements.reason.focus();
    } else if (act === "rework" && !this.items[this.at]?.may_rework) {
      this.pace.textContent = t("There is no rework for it here: decide false call, scrap or use as is.");
    } else this.decide(act);
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, select, textarea")) {
      if (event.key === "Escape") {
        this._closeReason();
        this.picker.close();
        this.stage.focus();
      }
      return;
    }
    if (this.editor.key(event)) return event.preventDefault();
    const key = event.key.toLowerCase();
    if (event.shiftKey && ARROWS[key]) {
      event.preventDefault();
      return this.view.size && this.view.panBy(...ARROWS[key]);
    }
    const has = Boolean(this.items.length);
    const acts = {
      u: () => this.undo(),
      arrowright: () => this.show(this.at + 1),
      arrowdown: () => this.show(this.at + 1),
      arrowleft: () => this.show(this.at - 1),
      arrowup: () => this.show(this.at - 1),
      ...(has ? { c: () => this._act("code"), b: () => this._act("boxes") } : {}),
      ...(has && this.view.size
        ? { d: () => this._act("draw"), h: () => this._act("heat"), 1: () => this.view.native(), 0: () => this.view.fit(), "+": () => this.view.zoomAt(1.4), "-": () => this.view.zoomAt(0.7) }
        : {}),
      ...(has ? Object.fromEntries(Object.entries(KEYS).map(([k, act]) => [k, () => this._act(act)])) : {}),
    };
    if (!acts[key]) return;
    event.preventDefault();
    acts[key]();
  }

  /** Send a decision and go on at once; a refusal brings the item back. */
  async decide(disposition, reason = "") {
    const item = this.items[this.at];
    if (!item) return;
    const seconds = (performance.now() - this.began) / 1000;
    const defect_code = disposition === "false_call" ? null : this.code;
    const regions = this.editor.drawn(defect_code);
    const sent = item.second
      ? call("PUT", `/api/inspections/${item.inspection.id}/second-look`, { defect: disposition !== "false_call", defect_code })
      : call("POST", `/api/holds/${item.hold}/disposition`, { disposition, reason, defect_code, regions }, { "If-Match": `"${item.version}"` });
    const entry = { hold: item.hold, item, seconds, sent };
    this.done.push(entry);
    this.items.splice(this.at, 1);
    this.show(this.at);
    this._pace();
    try {
      await sent;
      this.dispatchEvent(new CustomEvent("decided", { bubbles: true, detail: { hold: item.hold, disposition } }));
    } catch (problem) {
      this.done = this.done.filter((one) => one !== entry);
      if (problem instanceof Problem && problem.status !== 409) {
        this.items.splice(this.at, 0, item);
        this.show(this.at);
      }
      toast(`${item.subject}: ${problem.message}`, "bad");
      this._pace();
      this.load();
    }
  }

  /** Take the last decision back. */
  async undo() {
    const last = this.done.at(-1);
    if (!last) return toast(t("There is no decision of this sitting to take back."), "info");
    const decided = await last.sent.catch(() => null);
    if (!decided || this.done.at(-1) !== last) return;
    this.done.pop();
    try {
      const answer = last.item.second
        ? await call("DELETE", `/api/inspections/${last.item.inspection.id}/second-look`)
        : await call("POST", `/api/holds/${last.hold}/undo`, undefined, { "If-Match": `"${decided.row_version}"` });
      this.items.splice(this.at, 0, { ...last.item, version: answer.row_version });
      this.show(this.at);
      this._pace();
      toast(t("Decision on %(what)s taken back", { what: last.item.subject }), "good");
    } catch (problem) {
      toast(problem.message, "bad");
    }
  }
}

customElements.define("mes-reviewer", MesReviewer);
