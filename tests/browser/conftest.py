"""A real Chromium against a live server. ``visit`` opens a page and keeps what the browser complains of."""

import os
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, sync_playwright

from bootstrap import find_browser

# Quiet and alone: no GPU, no first-run page, no traffic of the browser's own.
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if "visit" in getattr(item, "fixturenames", ()):
            # Both roles' aliases: the application serves, the owner empties the tables afterwards.
            item.add_marker(pytest.mark.django_db(transaction=True, databases=["default", "owner"]))
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser():
    program = find_browser()
    if not program:
        pytest.fail("No browser found: install Chromium or Google Chrome, or name one in CHROMIUM.")
    # Playwright keeps an event loop in this thread, and Django would refuse every query because of it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, chromium_sandbox=not is_root, args=list(FLAGS))
        yield chromium
        chromium.close()


@dataclass
class Tab:
    """An open page; ``complaints`` are console messages, failed requests and script errors, CSP refusals among them."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str, status: int = 200) -> "Tab":
        """Open another page in the same tab, which keeps its files and so is much quicker than a new one."""
        self.complaints.clear()
        answer = self.page.goto(path)
        assert answer.status == status, f"{path} answered {answer.status}"
        return self

    def listen(self) -> "Tab":
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._failed)
        return self

    def _failed(self, request) -> None:
        # What was typed on took the place of an older question, or the page was left: no failure.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed {request.url}")

    @property
    def sideways_px(self) -> int:
        """How far the page can be scrolled sideways; only tables may, within themselves."""
        return self.page.evaluate("document.documentElement.scrollWidth - innerWidth")


@pytest.fixture
def visit(browser, live_server, client_of, settings):
    """``visit(path, user=None, theme="light", width=1280, script=True, for_axe=False, status=200)`` returns a Tab.

    ``for_axe`` lifts the page's content security policy, since axe injects a script; nothing else may.
    """
    contexts = []

    def open_page(path, user=None, theme="light", width=1280, script=True, for_axe=False, status=200):
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 800},
            color_scheme=theme,
            java_script_enabled=script,
            bypass_csp=for_axe,
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        if user is not None:
            cookie = client_of(user).cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        return Tab(context.new_page()).listen().go(path, status)

    yield open_page
    for context in contexts:
        context.close()
