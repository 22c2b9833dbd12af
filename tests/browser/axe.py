"""What axe says about a page, in words that name the place."""

from axe_playwright_python.sync_playwright import Axe

# WCAG 2.2 A and AA, and axe's own advice: https://github.com/dequelabs/axe-core/blob/develop/doc/API.md#axe-core-tags
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Links and buttons recolour for 120 ms after load or a change of theme, and axe measures what it sees; what htmx asks
# for at the load of a page is to stand there. Neither is waited for longer, as some things move or load for ever; but
# what takes no longer than that by itself is waited for to its end, however slow the machine.
SETTLE_MS = 350
SETTLED = """async (most) => {
  const until = performance.now() + most, wait = (ms) => new Promise((wake) => setTimeout(wake, ms));
  const isBusy = () => document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling");
  while (isBusy() && performance.now() < until) await wait(10);
  const moving = document.getAnimations().filter((one) => one.playState === "running");
  const ended = (within) => Promise.allSettled(
    moving.filter((one) => one.effect.getComputedTiming().endTime <= within).map((one) => one.finished));
  await Promise.race([ended(Number.MAX_VALUE), Promise.all([wait(most), ended(most)])]);
}"""


def violations(page) -> list[str]:
    """One line per violation, with the first element it was found on; an empty list is what we want.

    ``page`` comes from a context with ``bypass_csp=True``, since axe injects a script.
    """
    page.evaluate(SETTLED, SETTLE_MS)
    # Without preloading, which fetches every stylesheet again for one rule: see ``orientation_locks``.
    return _found(page, {"runOnly": TAGS, "preload": False})


def orientation_locks(page) -> list[str]:
    """Styles that turn the page with the device (WCAG 1.3.4). All pages share one stylesheet, so one page tells."""
    return _found(page, {"runOnly": {"type": "rule", "values": ["css-orientation-lock"]}, "preload": True})


def _found(page, options: dict) -> list[str]:
    # Of what passed, axe would say each element and why: two thirds of the time it takes.
    found = Axe().run(page, options=options | {"resultTypes": ["violations"]}).response["violations"]
    return [f"{rule['id']} x{len(rule['nodes'])}: {rule['nodes'][0]['html'][:200]}" for rule in found]
