// A list worked by keyboard: [data-queue] holds rows [data-row], each with its link.
// J and K (or arrows) move, Enter or O opens, Escape comes back, A and R open the form of the open request.
// No letter ever decides; Ctrl or Cmd with Enter sends the form one stands in.

const COMING_BACK = "galaxy-queue-by-key";
const FORM = { a: "approve", r: "reject" };

function rowsOf(queue) {
  return [...queue.querySelectorAll("[data-row] a, a[data-row]")];
}

// Opens a request, and says to what follows, a new page or a swap, that the keyboard was in the list.
function open(row) {
  sessionStorage.setItem(COMING_BACK, "yes");
  row.click();
}

function comeBack() {
  if (!sessionStorage.getItem(COMING_BACK)) return;
  sessionStorage.removeItem(COMING_BACK);
  if (document.activeElement !== document.body) return; // it was kept, or whoever is quick stands in the form already
  document.querySelector("[data-queue] a[aria-current]")?.focus();
}

document.addEventListener("htmx:afterSettle", comeBack);
comeBack();

// Marks the button that Ctrl with Enter will press, in sight and in words.
function choose(form, value) {
  form.dataset.choice = value;
  for (const button of form.querySelectorAll("button[value]")) {
    button.classList.toggle("is-chosen", button.value === value);
    if (button.value === value) {
      const detail = `Ctrl and Enter: ${button.textContent.trim()}`;
      document.dispatchEvent(new CustomEvent("galaxy:announce", { detail }));
    }
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest("form[data-decide]");
    if (!form) return;
    event.preventDefault();
    // The button that A or R pointed at, or nothing: sending is never a guess.
    const button = form.querySelector(`button[value="${CSS.escape(form.dataset.choice ?? "")}"]`);
    button?.click(); // htmx sends the value of a clicked button, and knows nothing of requestSubmit's
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const letters = document.documentElement.dataset.letters !== "off";
  if (event.key === "Escape" && event.target.closest("form[data-decide]")) {
    document.querySelector("[data-queue] a[aria-current]")?.focus();
    return;
  }
  const queue = event.target.closest("[data-queue]");
  if (!queue || event.target.closest("input, textarea, select")) return;
  const rows = rowsOf(queue);
  const at = rows.indexOf(event.target);
  const key = event.key.toLowerCase();
  if (!letters && key.length === 1) return;
  if (key === "j" || key === "arrowdown" || key === "k" || key === "arrowup") {
    const step = key === "j" || key === "arrowdown" ? 1 : -1;
    const next = rows[at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1)];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  } else if (key === "enter" && at >= 0) {
    sessionStorage.setItem(COMING_BACK, "yes"); // the link itself opens the request
  } else if (key === "o" && at >= 0) {
    event.preventDefault();
    open(rows[at]);
  } else if (key in FORM && at >= 0) {
    event.preventDefault();
    // The form on the page belongs to the open request; on any other row the letter opens that one instead.
    const form = rows[at].hasAttribute("aria-current") && document.querySelector("form[data-decide]");
    if (!form) {
      open(rows[at]);
      return;
    }
    choose(form, form.dataset[FORM[key]]);
    (form.querySelector("textarea, input:not([type=hidden])") ?? form.querySelector("button"))?.focus();
  }
});
