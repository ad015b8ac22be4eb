// What lies beside a picture: the good part, and the same zone of the pictures before it.

import { t } from "../i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const AROUND = 2;
const SMALLEST = 64;

const text = (tag, className, content = "") => Object.assign(document.createElement(tag), { className, textContent: content });

/** The square around a region that history is shown of, in pixels of a picture of this size; the whole picture without one. */
export function zoneOf(region, [width, height]) {
  if (!region) return [0, 0, width, height];
  const side = Math.min(width, height, Math.max(SMALLEST, AROUND * Math.max(region.w, region.h)));
  const from = (start, length, whole) => Math.min(whole - side, Math.max(0, start + length / 2 - side / 2));
  return [from(region.x, region.w, width), from(region.y, region.h, height), side, side];
}

/** Whether one of a picture's regions (x, y, w, h) reaches into a zone. */
const reaches = (regions, [x, y, w, h]) => regions.some(([a, b, c, d]) => a < x + w && a + c > x && b < y + h && b + d > y);

/** Return the cards: golden picture, and the zone's history. `seen` has px; `region` is where to look. */
export function besideCards(rows, seen, region) {
  const cards = [];
  const golden = rows.find((row) => row.golden);
  if (golden) cards.push(figure(golden, t("Good part, same camera and variant"), null, region && scaled(zoneOf(region, seen.px), seen, golden)));
  const earlier = rows.filter((row) => !row.golden);
  if (!earlier.length) return cards;
  const zones = earlier.map((row) => (region && seen.px ? scaled(zoneOf(region, seen.px), seen, row) : null));
  const box = text("section", "card zone-history");
  const head = document.createElement("header");
  head.append(text("h2", "", region ? t("The same zone earlier") : t("Earlier at this camera")));
  const grid = text("div", "body earlier");
  grid.append(...earlier.map((row, n) => figure(row, `${row.review || row.verdict} ${row.score.toFixed(2)}`, zones[n])));
  box.append(head, grid);
  if (region) {
    const here = earlier.filter((row, n) => zones[n] && reaches(row.regions, zones[n])).length;
    box.append(text("p", "tiny quiet body", t("%(n)s of %(of)s had a region here", { n: here, of: earlier.length })));
  }
  cards.push(box);
  return cards;
}

/** A zone of `seen` in the pixels of another picture. */
function scaled(zone, seen, row) {
  if (!row.px || !seen.px) return null;
  const [across, down] = [row.px[0] / seen.px[0], row.px[1] / seen.px[1]];
  return [zone[0] * across, zone[1] * down, zone[2] * across, zone[3] * down];
}

/** A picture, or `cut` of it, with its regions; `mark` is framed. */
function figure(row, words, cut, mark = null) {
  const figure = document.createElement("figure");
  const link = Object.assign(document.createElement("a"), { href: `/quality/inspections/${row.id}` });
  link.append(row.px ? drawing(row, words, cut, mark) : Object.assign(document.createElement("img"), { src: row.image, alt: `${words}, ${row.at}`, loading: "lazy" }));
  figure.append(link, text("figcaption", "tiny", `${words} · ${row.at}`));
  return figure;
}

function drawing(row, words, cut, mark) {
  const svg = document.createElementNS(SVG, "svg");
  const put = (tag, attributes) => {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    svg.append(node);
  };
  svg.setAttribute("viewBox", (cut ?? [0, 0, ...row.px]).join(" "));
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${words}, ${row.at}`);
  put("image", { href: row.image, width: row.px[0], height: row.px[1] });
  for (const [x, y, width, height] of [...(cut ? row.regions : []), ...(mark ? [mark] : [])]) {
    for (const kind of ["box-under", "box"]) put("rect", { class: kind, x, y, width, height });
  }
  return svg;
}
