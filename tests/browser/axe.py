"""What axe says about a page, in words that name the place."""

from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT

# Contrast is two thirds of what axe takes, and most text of a page looks like other text of it: see there.
ALIKE = Path(__file__).with_name("alike.js")

# WCAG 2.2 A and AA, and axe's own advice: https://github.com/dequelabs/axe-core/blob/develop/doc/API.md#axe-core-tags
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What the same document can break in another theme or width; all else of TAGS is said of the document.
OF_A_LOOK = ["button-name", "color-contrast", "link-in-text-block", "link-name"]
OF_A_LOOK += ["scrollable-region-focusable", "target-size"]
# Theme and width in px. Of a page, DESK and SMALL say it all: contrast goes by the theme, whatever the width, and what
# fits 320 px fits a phone of 390. Between the two, no style differs but the columns of figures (``.stats``), which
# test_ui_patterns.py shows at both.
DESK, PHONE, SMALL = ("light", 1280), ("dark", 390), ("dark", 320)
# What htmx asks for at the load of a page is to stand there, undimmed; it is waited for so long and no longer. Links
# and buttons recolour for 120 ms after load or a change of theme, and axe measures what it sees: what moves and comes
# to an end is brought there, once the frame has passed in which it begins. (Waiting for it takes longer, and for ever
# where it is within closed details: of that Chromium tells nobody that it has ended.)
LOADED_MS = 4_000
FRAMES_MS = 500
SETTLED = """async ([frames, loaded]) => {
  const until = performance.now() + loaded, wait = (ms) => new Promise((wake) => setTimeout(wake, ms));
  const frame = () => new Promise((wake) => requestAnimationFrame(wake));
  const isBusy = () => document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling");
  while (isBusy() && performance.now() < until) await wait(10);
  for (let turn = 0; turn < 3; turn += 1) {
    await Promise.race([frame().then(frame), wait(frames)]);
    for (const one of document.getAnimations()) {
      if (Number.isFinite(one.effect.getComputedTiming().endTime)) one.finish();
    }
  }
}"""


def make_ready(context) -> None:
    """Have axe in each page that a context opens from now on, where no content security policy stands in its way.

    Chromium keeps what it has compiled of it, as it would not where each page is handed half a megabyte of script anew.
    """
    context.add_init_script(AXE_SCRIPT)
    context.add_init_script(path=ALIKE)


def violations(page, *, seen: bool = False) -> list[str]:
    """One line per violation, with the first element it was found on; an empty list is what we want.

    ``page`` comes from a context that was made ready for it. With ``seen`` it was looked at before, in another theme or
    width, and what is its own is held to the rules that these can break; for the shell, which all pages share, a test
    does so at one of them.
    """
    page.evaluate(SETTLED, [FRAMES_MS, LOADED_MS])
    # Without preloading, which fetches every stylesheet again for one rule: see ``orientation_locks``.
    if seen:
        return _found(page, {"runOnly": {"type": "rule", "values": OF_A_LOOK}, "preload": False}, "main")
    return _found(page, {"runOnly": TAGS, "preload": False})


def faults(tab, *looks) -> list[str]:
    """What is wrong with the page that a Tab shows, in each of ``looks`` (theme, width in px): violations, and how far
    it can be scrolled sideways.

    The page is loaded once and then shown otherwise, as in a window that is made narrow at dusk. Its styles follow, and
    no script of ours asks for theme or width: so it begins with the look that the Tab has, and every other page is
    loaded narrow and dark.
    """
    found = []
    for at, (theme, width) in enumerate(sorted(looks, key=lambda look: look != tab.look)):
        said = violations(tab.show(theme, width).page, seen=at > 0)
        if tab.sideways_px > 0:
            said.append(f"scrolls sideways by {tab.sideways_px} px")
        found += [f"{theme} {width}: {one}" for one in said]
    return found


def orientation_locks(page) -> list[str]:
    """Styles that turn the page with the device (WCAG 1.3.4). All pages share one stylesheet, so one page tells."""
    return _found(page, {"runOnly": {"type": "rule", "values": ["css-orientation-lock"]}, "preload": True})


def _found(page, options: dict, part: str = "html") -> list[str]:
    # Of what passed, axe would say each element and why: two thirds of the time it takes.
    options |= {"resultTypes": ["violations"]}
    run = "([part, options]) => axe.run(part, options).then((found) => found.violations)"
    found = page.evaluate(run, [part, options])
    return [f"{rule['id']} x{len(rule['nodes'])}: {rule['nodes'][0]['html'][:200]}" for rule in found]
