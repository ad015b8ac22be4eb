// Colours of the board, read from the design tokens so that light and dark follow the page.

import { t } from "../i18n.js";

/** Resolve a token of the page (`--text`, also `light-dark(…)`) to a colour a canvas understands. */
function resolve(probe, token) {
  probe.style.color = `var(${token})`;
  return getComputedStyle(probe).color;
}

/** The palette for one way of colouring: a list of {key, name, fill}. */
export function palette(board, by, theme) {
  if (by === "color") return board.palette.color.map((c) => ({ ...c, fill: c.hex }));
  if (by.startsWith("option:")) {
    const option = board.palette.option.find((one) => one.key === by.slice(7));
    return [
      { key: "without", name: t("without"), fill: theme.mute },
      { key: "with", name: option?.name || by.slice(7), fill: theme.accent },
    ];
  }
  if (by === "model") return board.palette.model.map((m, i) => ({ ...m, fill: theme.categories[i % theme.categories.length] }));
  if (by === "criticality") {
    const fills = [theme.mute, theme.good, theme.accent, theme.warn, theme.bad];
    return board.palette.criticality.map((one, i) => ({ ...one, fill: fills[i] }));
  }
  return board.palette.lateness.map((l, i) => ({ ...l, fill: [theme.mute, theme.good, theme.warn, theme.bad][i] }));
}

/** Everything a painter needs to know of the theme in force. */
export function readTheme(element) {
  const probe = document.createElement("span");
  probe.hidden = true;
  element.append(probe);
  const get = (token) => resolve(probe, token);
  const theme = {
    surface: get("--surface"),
    sunken: get("--sunken"),
    line: get("--line"),
    strong: get("--line-strong"),
    text: get("--text"),
    text2: get("--text-2"),
    text3: get("--text-3"),
    accent: get("--accent"),
    now: get("--now"),
    promise: get("--promise"),
    needBy: get("--need-by"),
    hatch: get("--hatch"),
    good: get("--good-fill"),
    warn: get("--warn"),
    bad: get("--bad-fill"),
    mute: get("--cat-7"),
    block: get("--block"),
    categories: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => get(`--cat-${n}`)),
    font: getComputedStyle(element).fontFamily,
  };
  probe.remove();
  return theme;
}

/** A repeating diagonal pattern in a colour: down time, unknown time, late bars. */
export function stripes(context, colour, gap, width) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = gap;
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  for (const shift of [-gap, 0, gap]) {
    pen.moveTo(shift - 1, gap + 1);
    pen.lineTo(shift + gap + 1, -1);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

/** Black or white, whichever reads better on a fill (`#rrggbb` or `rgb(…)`). */
export function inkOn(fill) {
  const numbers = fill.startsWith("#")
    ? [1, 3, 5].map((at) => parseInt(fill.slice(at, at + 2), 16))
    : (fill.match(/[\d.]+/g) || [128, 128, 128]).slice(0, 3).map(Number);
  const [r, g, b] = numbers.map((v) => {
    const c = v / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.32 ? "#10161c" : "#ffffff";
}
