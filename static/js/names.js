// A list of names, [data-names]: whoever types into its last input gets another one below it. Without script a few empty
// ones are there, and looking at the draft brings more.

document.addEventListener("input", (event) => {
  const input = event.target;
  const names = input.closest?.("[data-names]");
  if (!names || !input.value || input !== names.lastElementChild) return;
  const next = input.cloneNode();
  next.value = "";
  next.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+$/, String(names.children.length + 1)));
  names.append(next);
});
