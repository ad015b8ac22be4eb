// Messages of islands: the shell carries the translations that these modules ask for by `t`.

const messages = JSON.parse(document.getElementById("messages")?.textContent || "{}");

/** Translate a message; `%(name)s` is filled from `facts`. */
export function t(message, facts = {}) {
  const text = messages[message] || message;
  return text.replace(/%\((\w+)\)s/g, (_, name) => String(facts[name] ?? ""));
}

/** Format a duration in seconds in its two largest units. */
export function duration(seconds) {
  const whole = Math.round(Math.abs(seconds));
  const sign = seconds < 0 && whole ? "\u2212" : "";
  const [d, h, m, s] = [
    Math.floor(whole / 86400),
    Math.floor((whole % 86400) / 3600),
    Math.floor((whole % 3600) / 60),
    whole % 60,
  ];
  if (d) return `${sign}${d} ${t("d")}${h ? ` ${h} ${t("h")}` : ""}`;
  if (h) return `${sign}${h} ${t("h")}${m ? ` ${m} ${t("min")}` : ""}`;
  if (m >= 10 || (m && !s)) return `${sign}${m} ${t("min")}`;
  return m ? `${sign}${m} ${t("min")} ${s} ${t("s")}` : `${sign}${s} ${t("s")}`;
}
