// The navigation scrolls by itself; where it does, the entry of this page is brought into sight.
document.addEventListener("DOMContentLoaded", () => {
  const nav = document.getElementById("nav");
  const here = nav?.querySelector("[aria-current]");
  if (!here || nav.scrollHeight <= nav.clientHeight) return;
  const beyond = here.getBoundingClientRect().bottom - nav.getBoundingClientRect().bottom;
  if (beyond > 0) nav.scrollTop += beyond + here.offsetHeight;
});
