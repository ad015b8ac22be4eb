// Plant time in the browser: the page carries (plant time, factor) of the moment it was made.

const body = document.body.dataset;
const made = performance.now();
const plantAtMake = Date.parse(body.clock || "") || Date.now();
const factor = Number(body.factor || "1");

export const zone = body.zone || "UTC";
const locale = document.documentElement.lang || "en";

/** Plant time now, in milliseconds since the epoch. */
export function plantNow() {
  return plantAtMake + (performance.now() - made) * factor;
}

const wall = new Intl.DateTimeFormat("en-GB", {
  timeZone: zone,
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const dayName = new Intl.DateTimeFormat(locale, {
  timeZone: zone,
  weekday: "short",
  day: "numeric",
  month: "short",
});

/** The wall clock of the plant as numbers. */
export function parts(ms) {
  const out = {};
  for (const { type, value } of wall.formatToParts(ms)) out[type] = Number(value);
  return out;
}

const two = (n) => String(n).padStart(2, "0");

/** `14:05` on the plant's wall clock. */
export function minute(ms) {
  const p = parts(ms);
  return `${two(p.hour)}:${two(p.minute)}`;
}

/** `14:05:09` on the plant's wall clock. */
export function second(ms) {
  return `${minute(ms)}:${two(parts(ms).second)}`;
}

/** `Sun 22 Nov`, in the reader's language. */
export function day(ms) {
  return dayName.format(ms);
}

/** Milliseconds between the plant's wall clock and UTC at a moment. */
export function offset(ms) {
  const p = parts(ms);
  return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(ms / 1000) * 1000;
}
