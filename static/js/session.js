// Warns before the session ends, in every tab, and lets the person stay. Asking how long is left keeps nobody signed in.

const dialog = document.getElementById("session-warning");
const AGAIN_MS = 20_000;

if (dialog) {
  const tabs = new BroadcastChannel("galaxy-session");
  const warnedMs = Number(dialog.dataset.warnedS) * 1000;
  let timer = 0;
  let shown = ""; // the part of the dialog in sight: stay, old, over; "" for none
  let waved = ""; // the part that the person closed
  let due = 0; // when to look again; a laptop that slept misses its timer

  const lookIn = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(look, Math.max(ms, 1000));
    due = Date.now() + ms;
  };

  async function look() {
    try {
      const answer = await fetch(dialog.dataset.url, { headers: { Accept: "application/json" } });
      if (answer.ok) return take(await answer.json());
    } catch {
      // No connection: the session may go on all the same.
    }
    lookIn(AGAIN_MS);
  }

  function take(state) {
    const leftMs = state.ends_in_s * 1000;
    const isOver = leftMs <= 0 || state.person !== dialog.dataset.person;
    if (!isOver && leftMs > warnedMs) {
      if (shown === "over") renew(state.token);
      show("");
      lookIn(leftMs - warnedMs);
      return;
    }
    show(isOver ? "over" : state.can_stay ? "stay" : "old", leftMs);
    if (!isOver) lookIn(Math.min(leftMs, AGAIN_MS));
  }

  function show(part, leftMs = 0) {
    if (part !== shown) waved = "";
    shown = part;
    if (!part) {
      if (dialog.open) dialog.close();
      return;
    }
    for (const one of dialog.querySelectorAll("[data-session-part]")) {
      one.hidden = one.dataset.sessionPart !== part;
      if (!one.hidden && one.dataset.title) dialog.querySelector("[data-session-title]").textContent = one.dataset.title;
    }
    const clock = new Date(Date.now() + leftMs).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    for (const one of dialog.querySelectorAll("[data-session-clock]")) one.textContent = clock;
    if (!dialog.open && waved !== part) {
      dialog.showModal();
      // The blue one, not the first: and no autofocus attribute, which a page brought back from history trips over.
      dialog.querySelector(`.modal-foot [data-session-part="${part}"] .btn-primary`)?.focus();
    }
  }

  // Signed in again in another tab: the forms of this page were made for the session that is over.
  function renew(token) {
    for (const field of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) field.value = token;
    document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
    document.dispatchEvent(new CustomEvent("galaxy:announce", { detail: "You are signed in again." }));
  }

  dialog.addEventListener("close", () => {
    waved = shown;
  });

  dialog.querySelector("[data-session-stay]").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "application/json" },
      });
      if (answer.ok && !answer.redirected) {
        take(await answer.json());
        tabs.postMessage("stayed");
        return;
      }
    } catch {
      // Told below, as the server sees it.
    }
    look();
  });

  tabs.addEventListener("message", look);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && (shown || Date.now() > due)) look();
  });

  lookIn(Number(dialog.dataset.endsInS) * 1000 - warnedMs);
}
