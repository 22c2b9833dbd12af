"""A real Chromium against a live server. ``visit`` opens a page and keeps what the browser complains of."""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response, sync_playwright

from bootstrap import find_browser
from tests.browser import axe

# Quiet and alone: no GPU, no first-run page, no traffic of the browser's own. Pages of one context share a process, of
# which Chromium would otherwise begin one, and one to spare, for each page that is opened.
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",
)
# What stays open in a context from test to test, and with it the process of its pages: a picture, which asks nothing.
REST = "/static/mark.svg"


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


# Chromium's receipt at signing out, and htmx about a poll that a new page cut short: what fails else is told by itself.
NO_COMPLAINT = ("Clear-Site-Data header on ", "htmx:afterRequest", "htmx:sendError", "htmx:sendAbort")
# Each page is watched by it, beside its own scripts and under its own policy: see there.
WATCH = Path(__file__).with_name("watch.js")


@dataclass
class Tab:
    """An open page; ``complaints`` are console messages, failed requests and script errors, refusals by the CSP and
    answers of 400 and above among them. ``watched`` is what ``watch.js`` saw. Both are of the page opened last;
    ``earlier`` keeps those of the pages before."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)
    expected: dict[str, bool] = field(default_factory=dict)
    look: tuple[str, int] | None = None
    answer: Response | None = None

    def go(self, path: str, status: int = 200) -> "Tab":
        """Open another page in the same tab, which keeps its files and so is much quicker than a new one."""
        self.earlier += self.complaints + self.watched
        self.complaints.clear()
        self.watched.clear()
        if status >= 400:
            self.expect(f"responded with a status of {status}")
        self.answer = self.page.goto(path)
        assert self.answer.status == status, f"{path} answered {self.answer.status}"
        return self

    def expect(self, words: str) -> "Tab":
        """A complaint with these words, from now on, as often as it comes; that it never comes is a fault too."""
        self.expected.setdefault(words, False)
        return self

    def allow(self, words: str) -> "Tab":
        """A complaint with these words may come, or may be too late to be heard."""
        self.expected[words] = True
        return self

    def faults(self) -> list[str]:
        """All that was said and not expected, on whatever page, and what was expected and never said."""
        if not self.page.is_closed():
            self.page.title()  # by whose answer all that was said before has come
        missing = [f"never said: {words}" for words, came in self.expected.items() if not came]
        return self.earlier + self.complaints + self.watched + missing

    def show(self, theme: str, width: int) -> "Tab":
        """The same page in that theme, ``width`` px wide."""
        if self.look != (theme, width):
            self.page.emulate_media(color_scheme=theme)
            self.page.set_viewport_size({"width": width, "height": 800})
            self.look = theme, width
        return self

    def listen(self) -> "Tab":
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._keep(str(error), self.complaints))
        self.page.on("requestfailed", self._failed)
        return self

    def _said(self, message) -> None:
        if not message.text.startswith(NO_COMPLAINT):
            self._keep(message.text, self.watched if message.text.startswith("[watch]") else self.complaints)

    def _failed(self, request) -> None:
        # What was typed on took the place of an older question, or the page was left: no failure.
        if request.failure != "net::ERR_ABORTED":
            self._keep(f"failed {request.url}", self.complaints)

    def _keep(self, text: str, kept: list[str]) -> None:
        awaited = [words for words in self.expected if words in text]
        self.expected |= dict.fromkeys(awaited, True)
        if not awaited:
            kept.append(text)

    @property
    def sideways_px(self) -> int:
        """How far the page can be scrolled sideways; only tables may, within themselves."""
        return self.page.evaluate("document.documentElement.scrollWidth - innerWidth")


@pytest.fixture(scope="session")
def idle_contexts(browser):
    """Contexts that no test uses just now, by what one is given for good: {(script, for_axe): list of BrowserContext}.

    A new one costs most of a second of the processor: it fetches all files of a page and compiles all scripts anew.
    """
    return defaultdict(list)


@pytest.fixture
def visit(browser, live_server, client_of, settings, idle_contexts):
    """``visit(path, user=None, theme="light", width=1280, script=True, for_axe=False, status=200)`` returns a Tab.

    ``for_axe`` puts axe into the page, beside its own scripts: its content security policy holds for these as ever.
    Each visit has a context to itself, which knows nobody and allows nothing, until the end of the test. That fails of
    whatever a tab complained of or was watched doing, unless it was told to ``expect`` it.
    """
    taken, tabs = [], []

    def take(script, for_axe):
        idle = idle_contexts[script, for_axe]
        if idle:
            context = idle.pop()
        else:
            context = browser.new_context(base_url=live_server.url, java_script_enabled=script)
            context.set_default_timeout(10_000)
            context.new_page().goto(REST)
            context.add_init_script(path=WATCH)
            if for_axe:
                axe.make_ready(context)
        taken.append((idle, context))
        return context

    def open_page(path, user=None, theme="light", width=1280, script=True, for_axe=False, status=200):
        context = take(script, for_axe)
        if user is not None:
            cookie = client_of(user).cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        tabs.append(Tab(context.new_page()).show(theme, width).listen())
        return tabs[-1].go(path, status)

    yield open_page
    faults = [one for tab in tabs for one in tab.faults()]
    for idle, context in taken:
        for page in context.pages[1:]:
            page.close()
        context.clear_cookies()
        context.clear_permissions()
        idle.append(context)
    assert not faults, "\n".join(faults)
