// "?" opens the list of keys, "/" goes to the page's search or else to the workspace's, "g" then a letter goes to a page
// of the navigation.
// Letters mean nothing while someone types or a dialog is open, and a preference switches them off for good
// (WCAG 2.1.4): html[data-letters=off], written by the server and by preferences.js; queue.js reads it too.

const CHORD_MS = 1200;
let chordUntil = 0;

// A field of a dialog that was just closed keeps the focus until the page is drawn anew; nobody types there any more.
function busy(target) {
  const field = target.closest("input, textarea, select, [contenteditable]");
  return (field && !field.closest("dialog:not([open])")) || document.querySelector("dialog[open]");
}

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
    } else if (document.getElementById("palette")) {
      event.preventDefault();
      document.getElementById("palette").showModal();
    }
  }
});
