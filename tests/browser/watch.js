// Stands in every page before its own scripts, and complains on the console of what nobody would find in a log: what
// moves when a part of the page is swapped, and a focus that falls to the body.
//
// A swap that nobody asked for (a poll, a part that loads by itself) may move nothing that is in sight. One that was
// asked for by a click or a key may move what follows what it swaps, as the answer is longer or shorter, and nothing
// before or beside it.
(() => {
  const ASKED = ["click", "submit", "change", "input", "search", "keydown", "keyup", "opened"];
  const LATE_MS = 100; // entries come a task or two after their frame
  const RESIZED_MS = 500; // in which everything moves, as it should
  const swaps = []; // {target, at, until, isAsked}
  const complain = (words) => console.error(`[watch] ${words}`);
  const name = (node) => {
    const one = node?.nodeType === Node.ELEMENT_NODE ? node : node?.parentElement;
    return one ? `<${one.tagName.toLowerCase()}${one.id && `#${one.id}`} class="${one.className?.baseVal ?? one.className}">` : "what is gone";
  };
  // Twice, since the first may come before what was just done is drawn.
  const drawn = (then) => requestAnimationFrame(() => requestAnimationFrame(then));

  const began = (target, isAsked) => {
    const swap = { target, id: target.id, before: target.previousElementSibling, parent: target.parentElement, isAsked, at: performance.now(), until: Infinity };
    swaps.push(swap);
    return swap;
  };
  let open = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.detail.shouldSwap) return;
    const by = event.detail.requestConfig?.triggeringEvent;
    open.push(began(event.detail.target, Boolean(by) && ASKED.includes(by.type)));
  });
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    open.push(began(event.detail.target, open.at(-1)?.isAsked ?? false));
  });
  document.addEventListener("htmx:afterSettle", () => {
    const settled = open;
    open = [];
    drawn(() => {
      for (const swap of settled) swap.until = performance.now();
    });
  });

  const precedes = (node, swap) => {
    const now = (swap.id && document.getElementById(swap.id)) || (swap.target.isConnected ? swap.target : null);
    if (now) return !now.contains(node) && Boolean(now.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_PRECEDING);
    // Swapped for something without a name: what stood before it tells where it was.
    const mark = swap.before?.isConnected ? swap.before : swap.parent;
    return mark === node || Boolean(mark?.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_PRECEDING);
  };
  let loose = 0;
  let resized = -Infinity;
  addEventListener("resize", () => (resized = performance.now()));
  const judge = (entry) => {
    if (Math.abs(entry.startTime - resized) < RESIZED_MS) return;
    const within = swaps.filter((swap) => swap.at <= entry.startTime && entry.startTime <= swap.until);
    if (!within.length) {
      if (!entry.hadRecentInput && !swaps.length) loose += entry.value;
      if (loose > 0.1) complain(`the page moved by ${loose.toFixed(3)} while it loaded: ${entry.sources.map((one) => name(one.node)).join(", ")}`);
      return;
    }
    const isAsked = within.some((swap) => swap.isAsked);
    const moved = entry.sources.filter(({ node }) => node && (!isAsked || within.every((swap) => precedes(node, swap))));
    if (!moved.length) return;
    const box = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(" ");
    const told = moved.map((one) => `${name(one.node)} from ${box(one.previousRect)} to ${box(one.currentRect)}`);
    complain(`${isAsked ? "an asked" : "an unasked"} swap of ${within.map((swap) => name(swap.target)).join(" and ")} moved ${told.join(", ")}`);
  };
  // An entry may be told of before the swap that it belongs to has ended.
  new PerformanceObserver((list) => setTimeout(() => list.getEntries().forEach(judge), LATE_MS)).observe({ type: "layout-shift", buffered: true });

  // Focus: held before a swap, it is held after it; and a dialog gives it back to where it was taken from.
  let held = null;
  const hold = () => (held = document.activeElement && document.activeElement !== document.body ? document.activeElement : null);
  document.addEventListener("htmx:beforeSwap", hold);
  document.addEventListener("htmx:oobBeforeSwap", () => held || hold());
  document.addEventListener("htmx:afterSettle", () => {
    const was = held;
    held = null;
    if (!was) return;
    const words = name(was);
    // What stands in a dialog that was closed meanwhile lost it to that.
    const isLost = () => document.activeElement === document.body && !was.closest("dialog:not([open])");
    drawn(() => drawn(() => isLost() && complain(`the focus on ${words} was lost to a swap`)));
  });
  const openers = new WeakMap();
  const { showModal } = HTMLDialogElement.prototype;
  HTMLDialogElement.prototype.showModal = function () {
    openers.set(this, document.activeElement === document.body ? null : document.activeElement);
    return showModal.call(this);
  };
  document.addEventListener(
    "close",
    ({ target }) => {
      const opener = openers.get(target);
      drawn(() => {
        if (opener?.isConnected && document.activeElement === document.body) complain(`${name(target)} gave the focus back to nobody`);
      });
    },
    true,
  );
})();
