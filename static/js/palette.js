// Search or jump to: Ctrl or Cmd with K opens the dialog, arrows choose, Enter opens. The field keeps the focus and
// names the chosen option (ARIA APG, combobox with a listbox). htmx fetches the list and drops answers that are late.

const dialogOf = () => document.getElementById("palette");
const options = () => [...document.querySelectorAll("#palette-list [role=option]")];
const chosen = () => document.querySelector('#palette-list [aria-selected="true"]');

function choose(option) {
  const field = document.getElementById("palette-field");
  chosen()?.setAttribute("aria-selected", "false");
  if (!option) {
    field.removeAttribute("aria-activedescendant");
    return;
  }
  option.setAttribute("aria-selected", "true");
  field.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

// What is listed may be the answer to fewer letters than stand in the field by now.
function isListed(field) {
  const typed = document.querySelector("#palette-list [data-typed]")?.dataset.typed;
  return typed !== undefined && typed.trim() === field.value.trim();
}

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
    const dialog = dialogOf();
    if (!dialog || (!dialog.open && document.querySelector("dialog[open]"))) return;
    event.preventDefault();
    if (dialog.open) dialog.close();
    else dialog.showModal();
    return;
  }
  if (event.target.id !== "palette-field" || event.isComposing) return;
  const all = options();
  const at = all.indexOf(chosen());
  const to = { ArrowDown: (at + 1) % all.length, ArrowUp: (at <= 0 ? all.length : at) - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined && all.length && !event.shiftKey) {
    event.preventDefault();
    choose(all[to]);
  } else if (event.key === "Enter" && at >= 0 && isListed(event.target)) {
    event.preventDefault(); // else the form leads to the page of results
    const { ctrlKey, metaKey } = event;
    all[at].dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey }));
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-palette]")) dialogOf()?.close();
});

// Opened again, what was typed last is there, and the first letter replaces it.
document.addEventListener("focusin", (event) => {
  if (event.target.id === "palette-field") event.target.select();
});

// The key is called otherwise on a Mac.
if (/Mac|iPhone|iPad/.test(navigator.platform)) {
  for (const key of document.querySelectorAll("kbd[data-ctrl]")) key.textContent = "⌘";
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "palette-list") return;  // a page brought back from history has no target
  const all = options();
  document.getElementById("palette-field").setAttribute("aria-expanded", String(all.length > 0));
  document.getElementById("palette-status").textContent = `${all.length} ${all.length === 1 ? "result" : "results"}`;
  choose(all[0]);
});
