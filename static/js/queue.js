// A list worked by keyboard: [data-queue] holds rows [data-row], each with its link.
// J and K (or arrows) move, Enter or O opens, Escape comes back, A and R open the form of the open request, H hands it
// over. In an opened stack ([data-stack]) X selects a row and Shift with X every row from the last one selected.
// No letter ever decides; Ctrl or Cmd with Enter sends the form one stands in.

const COMING_BACK = "galaxy-queue-by-key";
const INTO_STACK = "stack"; // the row that was opened is a stack: its own rows come next
const FORM = { a: "approve", r: "reject" };

function rowsOf(queue) {
  return [...queue.querySelectorAll("a[data-row], [data-row] a")].filter((link) => link.closest("[data-queue]") === queue);
}

const listed = () => document.querySelector("[data-queue] a[aria-current]");

// Opens a request, and says to what follows, a new page or a swap, that the keyboard was in the list.
function open(row) {
  coming(row);
  row.click();
}

function coming(row) {
  sessionStorage.setItem(COMING_BACK, row.search?.includes("stack=") && !row.search.includes("open=") ? INTO_STACK : "yes");
}

function comeBack() {
  const where = sessionStorage.getItem(COMING_BACK);
  if (!where) return;
  sessionStorage.removeItem(COMING_BACK);
  const inStack = where === INTO_STACK && document.querySelector("[data-stack] [data-row] a");
  if (inStack && !document.activeElement.closest("form")) return void inStack.focus();
  if (document.activeElement !== document.body) return; // it was kept, or whoever is quick stands in the form already
  listed()?.focus();
}

document.addEventListener("htmx:afterSettle", comeBack);
comeBack();

// What changes the pane comes one after the other. A decision that was sent is heard to its end, or its answer would fall
// into a pane that is gone; it cuts short what was being opened, as whatever is opened next does.
let sent = null;

document.addEventListener("htmx:beforeRequest", (event) => {
  const { target, xhr, requestConfig } = event.detail;
  if (target?.id !== "triage") return;
  if (sent?.decides) {
    event.preventDefault();
    return;
  }
  sent?.xhr.abort();
  sent = { xhr, decides: requestConfig.verb === "post" };
  xhr.addEventListener("loadend", () => {
    if (sent?.xhr === xhr) sent = null;
  });
});

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

// Selects a row of a stack, or with a range every row from the last one on, as that one is.
let last = null;

function select(rows, at, isRange) {
  const box = (row) => row.closest("[data-row]").querySelector("input[type=checkbox]");
  const here = box(rows[at]);
  if (!here) return;
  const from = isRange && last?.isConnected ? rows.findIndex((row) => box(row) === last) : -1;
  if (from < 0) {
    here.checked = !here.checked;
  } else {
    for (const row of rows.slice(Math.min(from, at), Math.max(from, at) + 1)) {
      const other = box(row);
      if (other) other.checked = last.checked;
    }
  }
  last = here;
  const count = rows.filter((row) => box(row)?.checked).length;
  document.dispatchEvent(new CustomEvent("galaxy:announce", { detail: `${count} selected.` }));
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
  if (event.key === "Escape" && event.target.closest("form[data-decide], [data-stack]")) {
    listed()?.focus();
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
    coming(rows[at]); // the link itself opens the request
  } else if (key === "o" && at >= 0) {
    event.preventDefault();
    open(rows[at]);
  } else if (key === "x" && at >= 0 && queue.hasAttribute("data-stack")) {
    event.preventDefault();
    select(rows, at, event.shiftKey);
  } else if (key === "h" && at >= 0 && rows[at].hasAttribute("aria-current")) {
    event.preventDefault();
    document.querySelector("[data-handover]")?.click();
  } else if (key in FORM && at >= 0) {
    event.preventDefault();
    // The form on the page belongs to what is open, a request or a stack; on any other row the letter opens that.
    const isOpen = rows[at].hasAttribute("aria-current") || queue.hasAttribute("data-stack");
    const form = isOpen && document.querySelector("form[data-decide]");
    if (!form) {
      open(rows[at]);
      return;
    }
    choose(form, form.dataset[FORM[key]]);
    (form.querySelector("textarea") ?? form.querySelector("button"))?.focus();
  }
});
