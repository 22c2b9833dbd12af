// The editor of a draft: numbers its lines and marks those that findings name, says where the caret is and what is found
// there, and takes it to the line of a finding. The findings themselves stand in their list beside it, for everybody.

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
  const note = document.querySelector("[data-editor-note]");
  if (!note) return;
  const here = findings().filter((one) => one.line === line);
  note.hidden = !here.length;
  note.replaceChildren(...here.flatMap((one) => one.words));
}

// What the list beside it says, line by line: the worse ones last, so that they lie on top.
function findings() {
  const weight = { bad: 2, warn: 1, info: 0 };
  const found = [...document.querySelectorAll("#findings .findings__one")].flatMap((one) => {
    const link = one.querySelector("[data-line]");
    if (!link) return [];
    const tone = Object.keys(weight).find((name) => one.querySelector(`.badge-${name}`)) ?? "info";
    const words = [one.querySelector("p"), one.querySelector(".findings__fix")].filter(Boolean).map((p) => {
      const copy = document.createElement("p");
      copy.textContent = p.textContent;
      return copy;
    });
    return [{ line: Number(link.dataset.line), tone, words }];
  });
  return found.sort((one, other) => weight[one.tone] - weight[other.tone]);
}

function drawLines(editor) {
  const frame = editor.closest("[data-editor-frame]");
  if (!frame) return;
  let lines = frame.querySelector(".editor__lines");
  if (!lines) {
    lines = document.createElement("div");
    lines.className = "editor__lines";
    lines.setAttribute("aria-hidden", "true");
    lines.append(Object.assign(document.createElement("pre"), { className: "editor__numbers" }));
    frame.append(lines);
    editor.addEventListener("scroll", () => drawLines(editor), { passive: true });
    new ResizeObserver(() => drawLines(editor)).observe(editor);
  }
  const style = getComputedStyle(editor);
  const height = Number.parseFloat(style.lineHeight) || 20;
  const top = Number.parseFloat(style.paddingTop) - editor.scrollTop;
  const count = editor.value.split("\n").length;
  const numbers = lines.firstElementChild;
  if (numbers.dataset.count !== String(count)) {
    numbers.textContent = Array.from({ length: count }, (_, at) => at + 1).join("\n");
    numbers.dataset.count = String(count);
  }
  numbers.style.transform = `translateY(${top}px)`;
  lines.style.height = `${editor.clientHeight}px`;
  lines.style.width = `${editor.clientWidth}px`;
  const marks = findings().filter((one) => one.line <= count).map((one) => {
    const mark = Object.assign(document.createElement("span"), { className: `editor__mark is-${one.tone}` });
    mark.style.top = `${top + (one.line - 1) * height}px`;
    mark.style.height = `${height}px`;
    return mark;
  });
  lines.replaceChildren(numbers, ...marks);
}

function redraw() {
  const editor = document.querySelector("[data-editor]");
  if (!editor) return;
  drawLines(editor);
  if (document.activeElement === editor) tellPlace(editor);
}

document.addEventListener("input", (event) => event.target.matches?.("[data-editor]") && drawLines(event.target));
document.addEventListener("htmx:afterSettle", redraw);
redraw();

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
