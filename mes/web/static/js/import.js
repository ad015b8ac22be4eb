// Upload of a CSV of orders: the result of every row.

import { call, clearErrors, showErrors } from "./api.js";
import { t } from "./i18n.js";

const form = document.getElementById("import");
const result = document.getElementById("result");
const zh = document.documentElement.lang.startsWith("zh");

function line(cells) {
  const row = document.createElement("tr");
  for (const [index, cell] of cells.entries()) {
    const td = document.createElement("td");
    if (index === 0) td.className = "num";
    if (cell instanceof Node) td.append(cell);
    else td.textContent = cell;
    row.append(td);
  }
  return row;
}

function link(number) {
  const a = document.createElement("a");
  a.href = `/orders/${encodeURIComponent(number)}`;
  a.textContent = number;
  return a;
}

const picked = form.querySelector("[data-file-name]");
const nothing = picked.textContent;
form.elements.file.addEventListener("change", () => {
  picked.textContent = form.elements.file.files[0]?.name || nothing;
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearErrors(form);
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await call("POST", "/api/orders/import", new FormData(form));
    result.hidden = false;
    result.querySelector("[data-accepted]").textContent = t("%(n)s taken", { n: answer.accepted.length });
    result.querySelector("[data-rejected]").textContent = t("%(n)s refused", { n: answer.rejected.length });
    const rows = [
      ...answer.rejected.map((r) => [r.row, t("refused"), r.field, r.value, zh ? r.reason.zh : r.reason.en]),
      ...answer.accepted.map((r) => [r.row, link(r.number), "", "", ""]),
    ];
    result.querySelector("tbody").replaceChildren(...rows.slice(0, 2000).map(line));
    result.scrollIntoView({ block: "nearest" });
  } catch (problem) {
    showErrors(form, problem);
  } finally {
    button.disabled = false;
  }
});
