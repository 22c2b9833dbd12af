// Closes toasts and problems on request; good news leaves by itself, errors stay.

const STAY_MS = 8000;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-dismiss]");
  if (!button) return;
  button.closest("[data-toast], [data-problem]")?.remove();
  document.getElementById("main")?.focus({ preventScroll: true });
});

function time(toast) {
  toast.dataset.toast = "timed";
  const leave = () => {
    if (toast.matches(":hover, :focus-within")) setTimeout(leave, STAY_MS);
    else toast.remove();
  };
  setTimeout(leave, STAY_MS);
}

const sweep = () => document.querySelectorAll('[data-toast="leaves"]').forEach(time);
document.addEventListener("htmx:afterSettle", sweep);
sweep();
