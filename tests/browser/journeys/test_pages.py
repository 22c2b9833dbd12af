"""Every page of the console, each loaded once: axe in both themes and at two widths, nothing sideways at 320 px,
nothing on the console, nothing that moves by itself, and no more statements and bytes than the page may cost.

Which pages there are says the URL configuration, by way of the matrix: a route that is neither looked at nor explained
fails. Pages with much on them are looked at where that much is made, in the tests beside this folder.
"""

import gzip
from urllib.parse import urlsplit

import pytest

from tests.browser import axe
from tests.browser.axe import DESK, SMALL, faults, orientation_locks, violations
from tests.browser.conftest import REST, WATCH, Tab
from tests.browser.journeys import house
from tests.browser.journeys.pages import FIRST_FLIGHT, LARGE, NOT_HERE, NOT_PAGES, budgets, fetched, pages
from tests.browser.journeys.serving import serving
from tests.matrix.scene import committed

pytestmark = pytest.mark.browser
SLACK = 8  # statements that a page may ask less than the table says: what is read once, and kept by a process


class Looker:
    """A tab in which one of the house's people is signed in at a time."""

    def __init__(self, browser, url, ledger, people, things, more):
        self.ledger, self.people, self.things, self.more = ledger, people, things, more
        self._url, self._person = url, "anonymous"
        self._context = browser.new_context(base_url=url)
        self._context.new_page().goto(REST)
        self._context.add_init_script(path=WATCH)
        axe.make_ready(self._context)
        self.tab = Tab(self._context.new_page()).show(*DESK).listen()

    def look(self, page) -> Tab:
        if page.person != self._person:
            self._context.clear_cookies()
            if page.person != "anonymous":
                cookies = house.cookies_of(page.person, self.people).values()
                self._context.add_cookies([{"name": one.key, "value": one.value, "url": self._url} for one in cookies])
            self._person = page.person
        return self.tab.go(page.path(self.things, self.more))

    def statements(self) -> int:
        """That the page asked which was looked at last."""
        return self.ledger.statements(urlsplit(self.tab.answer.url).path)

    def close(self) -> None:
        self._context.close()


@pytest.fixture(scope="module")
def looker(browser, django_db_setup, django_db_blocker, tmp_path_factory):
    with django_db_blocker.unblock(), committed(tmp_path_factory.mktemp("vault")) as (cast, things):
        more = house.furnish(cast, things)
        with serving() as (url, ledger):
            one = Looker(browser, url, ledger, cast | more, things, more)
            yield one
            one.close()


@pytest.mark.parametrize("page", pages(), ids=str)
def test_a_page_is_clean_in_every_look_and_within_its_budget(page, looker):
    tab = looker.look(page)
    found = heard(tab, page, looker)
    found += faults(tab, DESK, SMALL) + tab.complaints + tab.watched
    assert not found, "\n".join(found)


def heard(tab, page, looker) -> list[str]:
    """What is wrong with what was sent."""
    found, most = [], budgets().get(page.route, 0)
    flight = len(gzip.compress(tab.answer.body(), 6))
    statements = looker.statements()
    if statements > most:  # what a process reads once and keeps may be read here first
        statements = looker.look(page) and looker.statements()
    if not most - SLACK <= statements <= most:
        found.append(f"asks {statements} statements, and budgets.txt says {most}")
    if (flight > FIRST_FLIGHT) != (page.route in LARGE):
        found.append(f"takes {flight} bytes of {FIRST_FLIGHT}, against what LARGE says")
    if not tab.page.title().endswith(" · Galaxy"):
        found.append(f"is titled {tab.page.title()!r}")
    if (count := tab.page.locator("h1").count()) != 1:
        found.append(f"has {count} headings of the first level")
    return found


def test_the_shell_that_pages_share_is_clean_in_every_look_and_turns_with_no_device(looker):
    tab = looker.look(next(page for page in pages() if page.route == "overview"))
    for look in (DESK, SMALL):
        assert violations(tab.show(*look).page) == [], look
    assert orientation_locks(tab.page) == []


def test_every_route_is_a_page_that_is_looked_at_or_it_is_said_why_not():
    looked_at, known = {page.route for page in pages()}, NOT_PAGES.keys() | NOT_HERE.keys()
    left = {one.route for one in fetched() if one.shown_to or not one.is_for_forms} - looked_at - known
    assert sorted(left) == []
    assert looked_at & known == set()


def test_what_is_left_out_is_shown_to_nobody_or_is_no_page(looker):
    shown = {one.route for one in fetched() if one.shown_to}
    assert shown & NOT_HERE.keys() == set()
    assert NOT_PAGES.keys() <= shown
    assert {one.route for one in fetched()} >= NOT_HERE.keys()


def test_the_table_of_budgets_names_every_page_and_no_other():
    assert budgets().keys() == {page.route for page in pages()}
    assert {page.route for page in pages()} >= LARGE.keys()
