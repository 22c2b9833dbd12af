// The editor of a draft: says where the caret is, and takes it to the line that a finding names.

function offsetOf(text, line, column) {
  let start = 0;
  for (let number = 1; number < line; number += 1) {
    const next = text.indexOf("\n", start);
    if (next < 0) return text.length;
    start = next + 1;
  }
  const end = text.indexOf("\n", start);
  return Math.min(start + Math.max(column - 1, 0), end < 0 ? text.length : end);
}

function tellPlace(editor) {
  const before = editor.value.slice(0, editor.selectionStart);
  const line = before.split("\n").length;
  const place = document.querySelector("[data-editor-place]");
  if (place) place.textContent = `Line ${line}, column ${before.length - before.lastIndexOf("\n")}.`;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-line]");
  const editor = link && document.querySelector("[data-editor]");
  if (!editor) return;
  event.preventDefault();
  const at = offsetOf(editor.value, Number(link.dataset.line), Number(link.dataset.column));
  editor.focus();
  editor.setSelectionRange(at, at);
  const height = Number.parseFloat(getComputedStyle(editor).lineHeight) || 20;
  editor.scrollTop = Math.max(0, (Number(link.dataset.line) - 4) * height);
  tellPlace(editor);
});

// A plus of the coverage grid: takes the caret below the fixtures of that action, with one to start from.
document.addEventListener("click", (event) => {
  const plus = event.target.closest("[data-snippet]");
  const editor = plus && document.querySelector("[data-editor]");
  if (!editor) return;
  event.preventDefault();
  const lines = editor.value.split("\n");
  const begins = lines.findIndex((line) => line.trim().replace(/^- /, "").replace(/['"]/g, "") === `id: ${plus.dataset.action}`);
  const from = Math.max(begins, 0);
  let at = lines.findIndex((line, number) => number >= from && /^\s*fixtures:\s*$/.test(line));
  const next = lines.findIndex((line, number) => number > from && /^\s*- id:/.test(line));
  if (next >= 0 && at > next) at = -1;
  const indent = at < 0 ? (lines[from].match(/^\s*/)[0] + (begins < 0 ? "" : "  ")) : lines[at].match(/^\s*/)[0];
  const added = at < 0 ? [`${indent}fixtures:`, `${indent}  ${plus.dataset.snippet}`] : [`${indent}  ${plus.dataset.snippet}`];
  const place = at < 0 ? (next < 0 ? lines.length : next) : at + 1;
  lines.splice(place, 0, ...added);
  editor.value = lines.join("\n");
  const line = place + added.length;
  const start = offsetOf(editor.value, line, indent.length + 3);
  editor.focus();
  editor.setSelectionRange(start, start + plus.dataset.snippet.length);
  editor.scrollTop = Math.max(0, (line - 4) * (Number.parseFloat(getComputedStyle(editor).lineHeight) || 20));
  editor.dispatchEvent(new Event("input", { bubbles: true }));
  tellPlace(editor);
});

document.addEventListener("selectionchange", () => {
  if (document.activeElement?.matches("[data-editor]")) tellPlace(document.activeElement);
});
