// Speaks through the polite live region, and keeps the keyboard's place when a swap takes the focused element away or
// pushes it out of sight.

document.addEventListener("galaxy:announce", (event) => {
  const region = document.getElementById("announcer");
  if (region) region.textContent = event.detail;
});

const isInSight = (element) => {
  const { top, bottom } = element.getBoundingClientRect();
  return top >= 0 && bottom <= window.innerHeight;
};

let held = null;
let seen = null;

document.addEventListener("htmx:beforeSwap", (event) => {
  const target = event.detail.target;
  const at = document.activeElement;
  seen = at && at !== document.body && isInSight(at) ? at : null;
  held = target.contains(document.activeElement) ? { id: target.id, inner: document.activeElement.id } : null;
});

// At once, and again when what came is as large as it will be.
const keepInSight = () => {
  if (seen && seen === document.activeElement && !isInSight(seen)) seen.scrollIntoView({ block: "nearest" });
};
document.addEventListener("htmx:afterSwap", keepInSight);

document.addEventListener("htmx:afterSettle", () => {
  keepInSight();
  if (!held || document.activeElement !== document.body) return;
  // First the same control, then a field that is wrong, then what was swapped, then the page.
  const root = document.getElementById(held.id);
  const place =
    (held.inner && document.getElementById(held.inner)) ||
    root?.querySelector("[aria-invalid=true], [data-focus]") ||
    root ||
    document.getElementById("main");
  held = null;
  if (!place) return;
  if (!place.matches("a, button, input, select, textarea, [tabindex]")) place.setAttribute("tabindex", "-1");
  place.focus({ preventScroll: true });
});
