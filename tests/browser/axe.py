"""What axe says about a page, in words that name the place."""

from axe_playwright_python.sync_playwright import Axe

# WCAG 2.2 A and AA, and axe's own advice: https://github.com/dequelabs/axe-core/blob/develop/doc/API.md#axe-core-tags
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Links and buttons recolour for 120 ms after load or a change of theme, and axe measures what it sees.
SETTLE_MS = 350


def violations(page) -> list[str]:
    """One line per violation, with the first element it was found on; an empty list is what we want.

    ``page`` comes from a context with ``bypass_csp=True``, since axe injects a script.
    """
    page.wait_for_timeout(SETTLE_MS)
    # Without preloading, which fetches every stylesheet again for one rule: see ``orientation_locks``.
    return _found(page, {"runOnly": TAGS, "preload": False})


def orientation_locks(page) -> list[str]:
    """Styles that turn the page with the device (WCAG 1.3.4). All pages share one stylesheet, so one page tells."""
    return _found(page, {"runOnly": {"type": "rule", "values": ["css-orientation-lock"]}, "preload": True})


def _found(page, options: dict) -> list[str]:
    found = Axe().run(page, options=options).response["violations"]
    return [f"{rule['id']} x{len(rule['nodes'])}: {rule['nodes'][0]['html'][:200]}" for rule in found]
