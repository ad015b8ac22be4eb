// Requests to the JSON API: CSRF header, problem+json (in the reader's language) as errors that know their fields.

const token = () => document.querySelector('meta[name="csrf-token"]')?.content || "";

/** An answer of the API that is not a success; `errors` are `{field, rule, message}`. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || String(status));
    this.status = status;
    this.code = body.code || "";
    this.errors = body.errors || [];
    this.body = body;
  }
}

/** Send a request and return its JSON; throws `Problem`. */
export async function call(method, path, body, headers = {}) {
  const form = body instanceof FormData;
  const answer = await fetch(path, {
    method,
    headers: {
      Accept: "application/json",
      ...(method === "GET" ? {} : { "X-CSRF-Token": token() }),
      ...(body === undefined || form ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    body: body === undefined || form ? body : JSON.stringify(body),
    credentials: "same-origin",
  });
  const text = await answer.text();
  let data = {};
  try {
    data = text ? JSON.parse(text) : {};
  } catch {
    data = { detail: text.slice(0, 200) };
  }
  if (!answer.ok) throw new Problem(answer.status, data);
  return data;
}

/** Show errors at their fields inside `scope`; what has no field stands in `[data-form-error]`. */
export function showErrors(scope, problem) {
  clearErrors(scope);
  const loose = [];
  for (const error of problem.errors) {
    const name = String(error.field).split(/[.[\]]/).filter(Boolean).at(-1);
    const slot = scope.querySelector(`[id="error-${CSS.escape(error.field)}"], [id="error-${CSS.escape(name)}"]`);
    const field = scope.querySelector(`[name="${CSS.escape(error.field)}"], [name="${CSS.escape(name)}"]`);
    field?.setAttribute("aria-invalid", "true");
    if (slot) slot.textContent = error.message;
    else loose.push(error.message);
  }
  if (!problem.errors?.length) loose.push(problem.message);
  const usual = scope.dataset.errorField && scope.querySelector(`[id="error-${CSS.escape(scope.dataset.errorField)}"]`);
  if (usual && loose.length) {
    usual.textContent = loose.splice(0).join(" ");
    scope.querySelector(`[name="${CSS.escape(scope.dataset.errorField)}"]`)?.setAttribute("aria-invalid", "true");
  }
  const rest = scope.querySelector("[data-form-error]");
  if (rest) rest.textContent = loose.join(" ");
  scope.querySelector('[aria-invalid="true"]')?.focus();
}

/** Take every error message away. */
export function clearErrors(scope) {
  for (const slot of scope.querySelectorAll('.error, [data-form-error]')) slot.textContent = "";
  for (const field of scope.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}
