// A defect code by a few letters: of the code, of its name, of its pinyin.

import { t } from "../i18n.js";

const SHOWN = 8;

export class CodePicker {
  /** A form with a field and what fits; `taken(code)` when one is chosen or the form is left. */
  constructor(taken) {
    this.taken = taken;
    this.codes = [];
    this.form = document.createElement("form");
    this.form.className = "review-keys codes";
    this.form.hidden = true;
    this.field = Object.assign(document.createElement("input"), { placeholder: t("Defect code: a few letters"), autocomplete: "off", maxLength: 40 });
    this.field.setAttribute("aria-label", this.field.placeholder);
    this.field.setAttribute("role", "combobox");
    this.field.setAttribute("aria-expanded", "true");
    this.field.setAttribute("aria-controls", "codes-found");
    this.list = Object.assign(document.createElement("ul"), { id: "codes-found" });
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", t("Defect code"));
    this.form.append(this.field, this.list);
    this.field.addEventListener("input", () => this._find());
    this.field.addEventListener("keydown", (event) => this._key(event));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this._take(this.at);
    });
    this.list.addEventListener("pointerdown", (event) => {
      const option = event.target.closest("[data-code]");
      event.preventDefault();
      if (option) this._take([...this.list.children].indexOf(option));
    });
  }

  /** Ask for a code; those that the line `near` knows come first. */
  open(near) {
    const here = (one) => (one.lines.includes(near) ? 0 : one.lines.length ? 2 : 1);
    this.ranked = [...this.codes].sort((a, b) => here(a) - here(b));
    this.form.reset();
    this.form.hidden = false;
    this._find();
    this.field.focus();
  }

  close() {
    this.form.hidden = true;
  }

  /** What a code is called. */
  word(code) {
    return this.codes.find((one) => one.code === code)?.word ?? code;
  }

  _find() {
    const asked = this.field.value.trim().toLowerCase();
    const rank = (one) => {
      if (one.word.toLowerCase().startsWith(asked) || one.code.startsWith(asked)) return 0;
      if (one.letters.split(" ").some((word) => word.startsWith(asked))) return 1;
      return one.letters.replaceAll(" ", "").includes(asked.replaceAll(" ", "")) ? 2 : 3;
    };
    this.found = this.ranked.filter((one) => rank(one) < 3).sort((a, b) => rank(a) - rank(b)).slice(0, SHOWN);
    this.at = 0;
    this.list.replaceChildren(
      ...this.found.map((one, index) => {
        const option = Object.assign(document.createElement("li"), { id: `code-${index}`, textContent: one.word });
        option.setAttribute("role", "option");
        option.dataset.code = one.code;
        return option;
      }),
    );
    this._mark();
  }

  _key(event) {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by || !this.found.length) return;
    event.preventDefault();
    this.at = (this.at + by + this.found.length) % this.found.length;
    this._mark();
  }

  _mark() {
    for (const [index, option] of [...this.list.children].entries()) option.setAttribute("aria-selected", String(index === this.at));
    this.field.setAttribute("aria-activedescendant", this.found.length ? `code-${this.at}` : "");
  }

  _take(at) {
    const one = this.found[at];
    if (!one) return;
    this.close();
    this.taken(one.code);
  }
}
