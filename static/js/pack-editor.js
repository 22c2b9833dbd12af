// The editor of a pack: shows the second field of a mapping only where it says something, and lets a value of the list
// of what is there be put into the field that was last looked at. Without it both fields stand there, and the choice
// itself does all of it.

let lastField = null;

const needsText = (value) => value.startsWith("=");
const needsValue = (test) => test !== "there" && test !== "missing";

function fit(select) {
  const [text, test] = (select.dataset.points ?? "").split(" ").map((id) => document.getElementById(id));
  if (!text) return;
  if (!test) {
    text.hidden = !needsText(select.value);
    return;
  }
  test.hidden = !select.value || needsText(select.value);
  text.hidden = !select.value || (!needsText(select.value) && !needsValue(test.value));
}

function fitAll(root = document) {
  for (const select of root.querySelectorAll("select[data-points]")) fit(select);
  for (const code of root.querySelectorAll("code[data-place]")) {
    if (code.nextElementSibling) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-quiet btn-s pack__use";
    button.textContent = "Use";
    button.setAttribute("aria-label", `Use ${code.dataset.place} in the field looked at last`);
    button.dataset.use = code.dataset.place;
    button.dataset.step = code.dataset.step;
    code.after(button);
  }
}

// The field looked at last, as long as it is one of the same step; else the first one that has nothing yet.
function fieldFor(step) {
  const of = (select) => select.id.startsWith(`s${step}-`);
  if (lastField && document.contains(lastField) && of(lastField)) return lastField;
  const all = [...document.querySelectorAll(`#step-${step} select[data-points]`)].filter(of);
  return all.find((select) => !select.value) ?? all[0] ?? null;
}

function use(button) {
  const select = fieldFor(button.dataset.step);
  if (!select) return;
  const offered = [...select.options].some((option) => option.value === button.dataset.use);
  if (offered) {
    select.value = button.dataset.use;
  } else {
    select.value = "=expression";
    const text = document.getElementById(select.dataset.points.split(" ")[0]);
    if (text) text.value = button.dataset.use;
  }
  select.dispatchEvent(new Event("input", { bubbles: true }));
  select.dispatchEvent(new Event("change", { bubbles: true }));
  select.focus();
}

document.addEventListener("focusin", ({ target }) => {
  if (target.matches("[data-pack] select[data-points]")) lastField = target;
});

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-pack] select[data-points]")) fit(target);
  if (target.matches("[data-pack] select[data-test]")) {
    const select = document.getElementById(target.id.replace(/-test$/, "-of"));
    if (select) fit(select);
  }
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-pack] [data-use]");
  if (button) use(button);
});

document.addEventListener("htmx:afterSettle", ({ target }) => fitAll(target));
fitAll();
