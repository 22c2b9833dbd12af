// A piece of news counts as read once its object is opened: the form beside the link a[data-reads] says so behind the
// scenes. Without script one marks it by hand.

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-reads]");
  const row = link && document.getElementById(link.dataset.reads);
  const form = row?.classList.contains("is-unread") && row.querySelector("form");
  if (!form) return;
  const body = new FormData(form);
  body.set("state", "read");
  // Kept alive, since the page is being left. If it fails the news stays unread, which is no harm.
  fetch(form.action, { method: "POST", body, redirect: "manual", keepalive: true }).catch(() => {});
});
