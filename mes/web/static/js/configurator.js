// The order form: every change is judged by the catalogue's rules through the API, in words; what can be
// built is asked for its date (an inquiry), and its place can be held (a quote) until the order is placed.

import { call, clearErrors, Problem, showErrors } from "./api.js";
import { t } from "./i18n.js";
import { ask, confirm, held, release } from "./quote.js";

const form = document.getElementById("configurator");
const verdict = document.getElementById("verdict");
const added = document.getElementById("added");
const zh = document.documentElement.lang.startsWith("zh");
let asked = 0;

function wish() {
  const data = new FormData(form);
  return { model: data.get("model"), color: data.get("color"), options: data.getAll("options") };
}

const nameOf = (code) => form.querySelector(`.choice[data-code="${CSS.escape(code)}"] span`)?.textContent.trim() || code;

function say(tone, title, sentences = []) {
  const box = document.createElement("div");
  box.className = `notice ${tone}`;
  const text = document.createElement("div");
  const head = document.createElement("p");
  head.className = "strong";
  head.textContent = title;
  text.append(head, ...sentences.map((sentence) => Object.assign(document.createElement("p"), { textContent: sentence })));
  box.append(text);
  verdict.replaceChildren(box);
}

/** The codes a broken rule is about: those chosen codes that its field or words name. */
function mark(rules) {
  for (const label of form.querySelectorAll(".choice")) {
    delete label.dataset.refused;
    label.querySelector(".why").textContent = "";
  }
  for (const rule of rules) {
    const code = /[A-Z0-9]{2,12}$/.exec(rule.field)?.[0];
    const label = code && form.querySelector(`.choice[data-code="${CSS.escape(code)}"]`);
    const slot = label ? label.querySelector(".why") : document.getElementById(`error-${rule.field.split(/[.[]/)[0]}`);
    if (label) label.dataset.refused = "";
    if (slot) slot.textContent = zh ? rule.zh : rule.en;
  }
}

async function judge() {
  const turn = ++asked;
  clearErrors(form);
  try {
    const car = await call("POST", "/api/catalog/configure", wish());
    if (turn !== asked) return;
    mark([]);
    say("good", t("Yes, this car can be built."));
    added.textContent = car.added.length ? t("Comes with it: %(names)s", { names: car.added.map(nameOf).join(", ") }) : "";
    ask(wish());
  } catch (problem) {
    if (turn !== asked || !(problem instanceof Problem)) return;
    const rules = problem.body.broken_rules || [];
    mark(rules);
    added.textContent = "";
    ask(null);
    say("bad", t("No, not like this."), rules.length ? rules.map((rule) => (zh ? rule.zh : rule.en)) : [problem.message]);
  }
}

form.addEventListener("change", (event) => {
  const family = event.target.closest('fieldset[data-choice="one"]');
  if (family && event.target.checked) {
    for (const other of family.querySelectorAll("input:checked")) if (other !== event.target) other.checked = false;
  }
  if (event.target.closest(".choice")) release().then(judge);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearErrors(form);
  const data = new FormData(form);
  const body = { ...wish(), language: data.get("language"), customer: data.get("customer") || null, requested_at: data.get("requested_at") || null };
  const button = form.querySelector('button[type="submit"]');
  button.disabled = true;
  try {
    const { number, version } = form.dataset;
    const order = number
      ? await call("PATCH", `/api/orders/${encodeURIComponent(number)}`, body, { "If-Match": `"${version}"` })
      : held()
        ? await confirm({ channel: "form", language: body.language, customer: body.customer })
        : await call("POST", "/api/orders", { ...body, channel: "form" });
    location.href = `/orders/${encodeURIComponent(order.number)}`;
  } catch (problem) {
    showErrors(form, problem);
    button.disabled = false;
  }
});

judge();
