// What every page does: plant clock, theme, navigation, live refresh, forms that talk to the API.

import { call, clearErrors, showErrors } from "./api.js";
import { t } from "./i18n.js";
import { listen } from "./live.js";
import { plantNow, second } from "./plant-time.js";
import { toast } from "./toast.js";

const root = document.documentElement;

// CSRF for htmx requests, and errors of the server as a message.
document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = document.querySelector('meta[name="csrf-token"]')?.content || "";
});

// The plant clock
const clocks = document.querySelectorAll("[data-plant-clock]");
if (clocks.length) {
  const tick = () => {
    const shown = second(plantNow());
    for (const clock of clocks) clock.textContent = shown;
  };
  setInterval(tick, 1000);
  tick();
}

// Theme
for (const button of document.querySelectorAll("[data-theme-choice]")) {
  button.addEventListener("click", () => {
    const choice = button.dataset.themeChoice;
    if (choice) root.dataset.theme = choice;
    else delete root.dataset.theme;
    document.cookie = `c2m_theme=${choice}; path=/; max-age=${choice ? 31536000 : 0}; samesite=lax`;
    for (const other of document.querySelectorAll("[data-theme-choice]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    document.dispatchEvent(new CustomEvent("theme"));
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  document.dispatchEvent(new CustomEvent("theme")),
);

// Navigation drawer and menus
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-toggle-nav]")) {
    root.dataset.nav = root.dataset.nav === "open" ? "" : "open";
  } else if (root.dataset.nav === "open" && !event.target.closest(".nav")) {
    root.dataset.nav = "";
  }
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const row = event.target.closest("tr[data-href]");
  if (row && !event.target.closest("a, button, input, label") && !getSelection()?.toString()) {
    location.href = row.dataset.href;
  }
});

// `g` and a letter goes to a screen; `/` goes to the search field.
let leader = 0;
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    root.dataset.nav = "";
    for (const menu of document.querySelectorAll("details[data-menu][open]")) menu.open = false;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  } else if (event.key === "g") {
    leader = Date.now();
  } else if (Date.now() - leader < 1200) {
    leader = 0;
    document.querySelector(`.nav [data-keys="${CSS.escape(event.key)}"]`)?.click();
  }
});

// Sign out
document.querySelector("[data-sign-out]")?.addEventListener("click", async () => {
  await call("DELETE", "/api/session").catch(() => undefined);
  location.href = "/sign-in";
});

// Forms with data-api send JSON to the API, show errors at the fields, then go on.
//   data-api="POST /api/orders/1/cancel"  data-then="reload" | "/somewhere"  data-done="message"
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-api]");
  if (!form) return;
  event.preventDefault();
  const [method, path] = (event.submitter?.dataset.api || form.dataset.api).split(" ");
  const chosen = event.submitter?.name ? { [event.submitter.name]: event.submitter.value } : {};
  const body = { ...JSON.parse(form.dataset.body || "{}"), ...fieldsOf(form), ...chosen };
  const buttons = [...form.querySelectorAll("button")].filter((button) => !button.disabled);
  for (const button of buttons) button.disabled = true;
  clearErrors(form);
  try {
    const headers = form.dataset.ifMatch ? { "If-Match": form.dataset.ifMatch } : {};
    const answer = await call(method, path, body, headers);
    form.dispatchEvent(new CustomEvent("sent", { bubbles: true, detail: answer }));
    if (form.dataset.done) toast(form.dataset.done, "good");
    const then = (form.dataset.then || "").replace(/\{(\w+)\}/g, (_, key) => encodeURIComponent(answer[key] ?? ""));
    if (then === "reload") location.reload();
    else if (then) location.href = then;
  } catch (problem) {
    if (!form.querySelector(".error, [data-form-error]")) toast(problem.message, "bad");
    else showErrors(form, problem);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
});

function fieldsOf(form) {
  const body = {};
  for (const box of form.querySelectorAll("[data-list]")) {
    body[box.name] ??= [];
    if (box.checked) body[box.name].push(box.value);
  }
  for (const [name, value] of new FormData(form)) {
    if (value instanceof File || name.startsWith("_") || Array.isArray(body[name])) continue;
    const field = form.elements.namedItem(name);
    if (field?.dataset?.optional !== undefined && value === "") continue;
    if (field?.dataset?.into) {
      (body[field.dataset.into] ??= {})[name] = Number(value);
      continue;
    }
    if (field?.type === "checkbox") body[name] = true;
    else if (field?.type === "number" || field?.dataset?.number !== undefined) body[name] = Number(value);
    else body[name] = value;
  }
  return body;
}

// Buttons that ask before they act: the first press turns into the question.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-confirm]");
  if (!button || button.dataset.armed) return;
  event.preventDefault();
  event.stopPropagation();
  const before = button.innerHTML;
  button.dataset.armed = "1";
  button.textContent = button.dataset.confirm;
  setTimeout(() => {
    delete button.dataset.armed;
    button.innerHTML = before;
  }, 4000);
}, true);

// Copy buttons
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  toast(t("Copied"), "good");
});

/** Return whether a choice of a form is not the one that the page was made for. */
function rechosen(form) {
  return [...form.querySelectorAll("select")].some(
    (list) => list.selectedIndex !== Math.max(0, [...list.options].findIndex((one) => one.defaultSelected)),
  );
}

// Filters go into the URL as they are changed, also what was chosen before this script was there. A page that is shown
// again says what it lists, not what was chosen when it was left.
const shownAgain = performance.getEntriesByType("navigation")[0]?.type !== "navigate";
for (const form of document.querySelectorAll("form[data-filters]")) {
  form.addEventListener("change", () => form.requestSubmit());
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });
  if (!shownAgain && rechosen(form)) form.requestSubmit();
  addEventListener("pageshow", (event) => {
    if ((shownAgain || event.persisted) && rechosen(form)) form.reset();
  });
}

if (document.body.dataset.topics) listen(document.body.dataset.topics);

// From here on a press does what it says: see `[data-api]` in components.css.
document.body.dataset.ready = "";
