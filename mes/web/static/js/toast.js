// Short messages at the corner; they leave by themselves, errors stay until they are closed.

import { t } from "./i18n.js";

/** Say something; `tone` is good, warn, bad or info. An error that stands there already is not said twice. Returns the element. */
export function toast(message, tone = "info") {
  const toasts = document.getElementById("toasts");
  for (const said of tone === "bad" ? [...(toasts?.children ?? [])] : []) {
    if (said.firstChild.textContent === message) said.remove();
  }
  const box = document.createElement("div");
  box.className = `notice ${tone}`;
  const text = document.createElement("div");
  text.textContent = message;
  const close = document.createElement("button");
  close.className = "btn plain";
  close.type = "button";
  close.textContent = t("Close");
  close.addEventListener("click", () => box.remove());
  box.append(text, close);
  toasts?.append(box);
  if (tone !== "bad") setTimeout(() => box.remove(), 6000);
  return box;
}
