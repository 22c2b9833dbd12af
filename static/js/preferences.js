// Theme, density and shortcuts change at once and are stored behind; without script the same forms reload the page.

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-theme-form], [data-density-form], [data-letters-form]");
  const button = event.submitter;
  if (!form || !button?.name) return;
  event.preventDefault();
  const { name, value } = button;
  if (value) document.documentElement.dataset[name] = value;
  else delete document.documentElement.dataset[name];
  for (const other of document.querySelectorAll(`button[name="${name}"]`)) {
    other.setAttribute("aria-pressed", String(other.value === value));
  }
  const body = new FormData(form);
  body.set(name, value);
  const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
  // A redirect is the answer of a stored choice, and opaque to fetch.
  const kept = answer && (answer.ok || answer.type === "opaqueredirect");
  if (!kept) {
    document.dispatchEvent(new CustomEvent("galaxy:announce", { detail: "The choice holds for this page only; it was not stored." }));
  }
});
