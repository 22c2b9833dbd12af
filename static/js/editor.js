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

document.addEventListener("selectionchange", () => {
  if (document.activeElement?.matches("[data-editor]")) tellPlace(document.activeElement);
});
