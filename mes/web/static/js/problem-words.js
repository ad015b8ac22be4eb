// Problems people meet often, in their language; other problems keep the words of the API.

import { t } from "./i18n.js";

const words = {
  "identity.sign_in_failed": () => t("User name and password do not match."),
  "identity.too_many_sign_ins": (b) => t("Too many failed attempts; try again in %(n)s s.", { n: b.retry_after_s }),
  "identity.session_ended": () => t("Your session has ended; sign in again."),
  "identity.not_signed_in": () => t("Your session has ended; sign in again."),
  "identity.csrf": () => t("This page is too old; load it again."),
  "identity.role_missing": () => t("Your role does not allow this."),
  "identity.name_taken": () => t("This name is taken."),
  "identity.password_too_weak": (b) => t("A password has at least %(n)s characters.", { n: b.minimum }),
  "order.version_conflict": () => t("Somebody changed this meanwhile; load the page again to see it."),
  "plan.solve_running": () => t("A solve is running already; wait for it or cancel it."),
  "plan.published_already": () => t("This version was published already."),
  "reading.answered": () => t("Somebody has answered already; the line is acting on it."),
  "reading.not_open": () => t("This reading point asks nothing any more."),
  unavailable: () => t("The server cannot answer now; try again."),
};

/** A problem's sentence in the reader's language; empty when there is none. */
export function inWords(body) {
  return words[body.code]?.(body) || "";
}
