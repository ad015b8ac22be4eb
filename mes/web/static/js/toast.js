// Short messages at the corner; they leave by themselves, errors stay until they are closed.

import { t } from "./i18n.js";

/** Say something; `tone` is good, warn, bad or info. Returns the element. */
export function toast(message, tone = "info") {
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
  document.getElementById("toasts")?.append(box);
  if (tone !== "bad") setTimeout(() => box.remove(), 6000);
  return box;
}
