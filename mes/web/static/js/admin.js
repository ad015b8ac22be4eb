// Forms whose bodies hold lists: users with roles, tokens with scopes.

import { call, clearErrors, showErrors } from "./api.js";
import { t } from "./i18n.js";

function send(form, path, list, done) {
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearErrors(form);
    const data = new FormData(form);
    const body = Object.fromEntries([...data].filter(([name, value]) => name !== list && value !== ""));
    if (body.days) body.days = Number(body.days);
    body[list] = data.getAll(list);
    try {
      done(await call("POST", path, body));
    } catch (problem) {
      showErrors(form, problem);
    }
  });
}

send(document.querySelector("[data-user-form]"), "/api/users", "roles", () => location.reload());
send(document.querySelector("[data-token-form]"), "/api/tokens", "scopes", (answer) => {
  document.querySelector("[data-new-token]").textContent = `${t("Shown this once:")} ${answer.token}`;
});
