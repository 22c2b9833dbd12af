"""Two hands that do the same: a mouse, and a keyboard alone. A journey is written once and gone by either.

The keyboard comes to a control as a person does: past the skip link into the page, then by Tab, or by Shift and Tab to
what lies behind; among radio buttons by the arrows. At every stop it holds the focus to what WCAG asks (2.1.1, 2.4.7,
2.4.11): it has a ring, and it is in sight.
"""

import re

from playwright.sync_api import Locator, expect

from tests.browser.conftest import Tab

MOST_STOPS = 300  # of Tab on one way: more, and nobody would go it
RING_PX = 2
# Where the focus is, beside ``target``. A control may leave its ring to what it is drawn by: its label, as the cards of
# a choice do, or the card or row around it. An outline there is its ring if it goes away with the focus, which is taken
# for a moment, unheard by any script, and given back.
STAND = """(target, ring) => {
  const at = document.activeElement, none = !at || at === document.body;
  if (none) return {none, here: false, behind: false, faults: []};
  const outline = (one) => {
    const style = getComputedStyle(one), width = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
    return {width, words: `${style.outlineStyle} ${style.outlineWidth} ${style.outlineColor} ${style.outlineOffset}`};
  };
  const without = (look) => {
    const heard = ["blur", "focusout", "focus", "focusin", "change"];
    const hush = (event) => event.stopImmediatePropagation();
    heard.forEach((name) => addEventListener(name, hush, true));
    at.blur();
    const seen = look();
    at.focus({preventScroll: true});
    heard.forEach((name) => removeEventListener(name, hush, true));
    return seen;
  };
  const hasRing = () => {
    if (outline(at).width >= ring) return true;
    const around = [at.nextElementSibling, ...(at.labels ?? [])].filter(Boolean);
    for (let up = at.parentElement; up && !up.matches("main, dialog, body"); up = up.parentElement) around.push(up);
    const drawn = around.filter((one) => outline(one).width >= ring);
    if (!drawn.length) return false;
    const words = drawn.map((one) => outline(one).words);
    return without(() => drawn.some((one, nth) => outline(one).words !== words[nth]));
  };
  const shown = [at, at.closest("label"), at.nextElementSibling, ...(at.labels ?? [])].filter(Boolean);
  const seen = shown.some((one) => {
    const box = one.getBoundingClientRect();
    const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
    const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
    if (left >= right || top >= bottom) return false;
    const points = [[(left + right) / 2, (top + bottom) / 2], [left + 2, top + 2], [right - 2, bottom - 2]];
    return points.some(([x, y]) => {
      const hit = document.elementFromPoint(x, y);
      return hit && (one.contains(hit) || hit.contains(one));
    });
  });
  const name = at.outerHTML.slice(0, 120), faults = [];
  if (at.id !== "main" && !hasRing()) faults.push(`no ring on ${name}`);
  if (!seen) faults.push(`out of sight: ${name}`);
  const group = at.type === "radio" && target.type === "radio" && at.name === target.name && at.form === target.form;
  const behind = Boolean(target.compareDocumentPosition(at) & Node.DOCUMENT_POSITION_FOLLOWING);
  return {none, here: at === target, behind, group, faults, skip: at.matches(".skip"),
          inMain: Boolean(target.closest("main")), toMain: Boolean(at.closest("main"))};
}"""


class Hand:
    """``press`` a link or button, ``fill`` a field, ``choose`` of a list, ``tick`` a box or a choice, ``go`` to a page
    that the navigation names."""

    theme = "light"

    def __init__(self, tab: Tab):
        self.tab, self.page = tab, tab.page

    def go(self, name: str) -> None:
        self.press(self.page.locator("#nav").get_by_role("link", name=re.compile(rf"^{re.escape(name)}\b")))
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()


class Mouse(Hand):
    def press(self, what: Locator) -> None:
        what.click()

    def fill(self, field: Locator, words: str) -> None:
        field.fill(words)

    def choose(self, field: Locator, label: str) -> None:
        field.select_option(label=label)

    def tick(self, box: Locator) -> None:
        box.check(force=True)  # of a card it is the label that is seen


class Keyboard(Hand):
    theme = "dark"

    def press(self, what: Locator) -> None:
        self.reach(what)
        self.page.keyboard.press("Enter")

    def fill(self, field: Locator, words: str) -> None:
        self.reach(field)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(words)

    def choose(self, field: Locator, label: str) -> None:
        self.reach(field)
        self.page.keyboard.type(label)
        expect(field.locator("option:checked")).to_have_text(label)

    def tick(self, box: Locator) -> None:
        self.reach(box)
        if not box.is_checked():
            self.page.keyboard.press("Space")
        expect(box).to_be_checked()

    def reach(self, what: Locator) -> None:
        """Bring the focus there, and find nothing wrong with it on the way."""
        what.wait_for(state="attached")
        for _ in range(MOST_STOPS):
            stand = what.evaluate(STAND, RING_PX)
            assert stand["faults"] == [], f"on the way to {what}: {stand}"
            if stand["here"]:
                return
            self.page.keyboard.press(self._next(stand))
        raise AssertionError(f"{what} is not reached by {MOST_STOPS} stops")

    def _next(self, stand: dict) -> str:
        if stand["none"]:
            return "Tab"
        if stand["group"]:
            return "ArrowUp" if stand["behind"] else "ArrowDown"
        if stand["skip"] and stand["inMain"]:
            return "Enter"
        return "Shift+Tab" if stand["behind"] else "Tab"


HANDS = {"mouse": Mouse, "keyboard": Keyboard}
