// "?" opens the list of keys, "/" goes to the page's search, "g" then a letter goes to a page of the navigation.
// Letters mean nothing while someone types or a dialog is open, and this browser can switch them off for good
// (WCAG 2.1.4): html[data-letters=off], which queue.js reads too.

const CHORD_MS = 1200;
const STORE = "galaxy-letters";
let chordUntil = 0;

function busy(target) {
  return target.closest("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
}

function showLetters(on) {
  if (on) delete document.documentElement.dataset.letters;
  else document.documentElement.dataset.letters = "off";
  for (const box of document.querySelectorAll("[data-letters-switch]")) box.checked = on;
}

showLetters(localStorage.getItem(STORE) !== "off");

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-letters-switch]")) return;
  localStorage.setItem(STORE, event.target.checked ? "on" : "off");
  showLetters(event.target.checked);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || busy(event.target)) return;
  if (document.documentElement.dataset.letters === "off") return;
  if (event.timeStamp < chordUntil) {
    chordUntil = 0;
    const link = document.querySelector(`a[data-go="${CSS.escape(event.key.toLowerCase())}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    }
  } else if (event.key === "g") {
    chordUntil = event.timeStamp + CHORD_MS;
  } else if (event.key === "?") {
    event.preventDefault();
    document.querySelector('a[data-dialog="help"]')?.click();
  } else if (event.key === "/") {
    const search = document.querySelector("[data-search], main input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select?.();
    }
  }
});
