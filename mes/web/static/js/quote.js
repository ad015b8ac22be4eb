// The order form's promise: an inquiry holds nothing, a quote holds a place until the order is placed.

import { call, Problem } from "./api.js";
import { t } from "./i18n.js";

const box = document.getElementById("promise");
const hold = document.getElementById("hold");
const letGo = document.getElementById("let-go");
const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const zone = document.body.dataset.zone || "UTC";
const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
  timeZone: zone, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false,
});
let car = null;
let quote = null;
let turn = 0;

/** Whether a place is held for the car in the form. */
export const held = () => quote !== null;

/** Ask when this car could come; null: it cannot be built. */
export async function ask(wish) {
  if (!box) return;
  car = wish;
  const mine = ++turn;
  hold.disabled = true;
  if (!wish) return box.replaceChildren(line(t("No date for a car that cannot be built."), "quiet"));
  try {
    const offer = await call("POST", "/api/quotes", wish);
    if (mine !== turn) return;
    show(offer);
    hold.disabled = false;
  } catch (problem) {
    if (mine !== turn || !(problem instanceof Problem)) return;
    box.replaceChildren(line(problem.message, "error"));
  }
}

/** Give the held place back, when the car changes. */
export async function release() {
  if (!quote) return;
  const { id } = quote;
  quote = null;
  letGo.hidden = true;
  await call("POST", `/api/quotes/${id}/cancel`).catch(() => {});
}

/** Make the quote the order; its place and date stay. */
export async function confirm(body) {
  return await call("POST", `/api/quotes/${quote.id}/confirm`, body);
}

function line(text, kind = "") {
  return Object.assign(document.createElement("p"), { textContent: text, className: kind });
}

function show(offer) {
  const date = line(clock.format(new Date(offer.promised_at)), "strong");
  date.dataset.promised = offer.promised_at;
  const share = `${Math.round(offer.confidence * 100)} %`;
  const sure = offer.assumed
    ? t("%(share)s sure, assumed from the plant file until there is history", { share })
    : t("%(share)s sure, by what the plant has kept so far", { share });
  const parts = [date, line(sure, "small quiet")];
  if (offer.expires_at) {
    const until = clock.format(new Date(offer.expires_at));
    parts.push(line(t("Held as quote %(number)s until %(until)s", { number: offer.number, until }), "small"));
  }
  if (offer.not_sooner.length) {
    const why = document.createElement("details");
    why.append(Object.assign(document.createElement("summary"), { textContent: t("Why not sooner?") }));
    const list = document.createElement("ul");
    list.className = "small";
    list.append(...offer.not_sooner.map((one) => Object.assign(document.createElement("li"), { textContent: one.text[language] })));
    why.append(list);
    parts.push(why);
  }
  box.replaceChildren(...parts);
}

hold?.addEventListener("click", async () => {
  hold.disabled = true;
  try {
    quote = await call("POST", "/api/quotes", { ...car, hold: true });
    show(quote);
    letGo.hidden = false;
  } catch (problem) {
    box.replaceChildren(line(problem.message, "error"));
  }
});

letGo?.addEventListener("click", () => release().then(() => ask(car)));
