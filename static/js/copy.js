// Copies a machine word: data-copy holds it, or data-copy-from names the element that does.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const text = button.dataset.copy ?? document.getElementById(button.dataset.copyFrom)?.textContent ?? "";
  let said = "Copied.";
  try {
    await navigator.clipboard.writeText(text);
    button.classList.add("is-copied");
    setTimeout(() => button.classList.remove("is-copied"), 1500);
  } catch {
    said = "The browser did not allow copying.";
  }
  document.dispatchEvent(new CustomEvent("galaxy:announce", { detail: said }));
});
