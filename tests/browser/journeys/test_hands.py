"""What the keyboard finds wrong with a focus, on pages made to be right and wrong."""

import pytest

from tests.browser.conftest import Tab
from tests.browser.journeys.hands import Keyboard

pytestmark = pytest.mark.browser
PAGE = "<style>{css}</style><main><div class=card><p>Acme</p><a href='#there'>More</a></div></main>"
BARE = "a:focus-visible { outline: 0 } "
RIGHT = {
    "its own": "a:focus-visible { outline: 2px solid blue }",
    "the card's": BARE + ".card:has(a:focus-visible) { outline: 2px solid blue }",
    "the card's, in another colour": BARE
    + ".card { outline: 2px solid grey } .card:focus-within { outline-color: blue }",
}
WRONG = {
    "none": BARE,
    "a card's that is always there": BARE + ".card { outline: 2px solid blue }",
    "too thin": BARE + ".card:focus-within { outline: 1px solid blue }",
}


@pytest.fixture(scope="module")
def page(browser):
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("ring", RIGHT)
def test_a_ring_may_be_drawn_by_what_is_around_a_link(page, ring):
    page.set_content(PAGE.format(css=RIGHT[ring]))
    page.evaluate("document.addEventListener('blur', () => { document.title = 'heard' }, true)")
    Keyboard(Tab(page)).reach(page.get_by_role("link"))
    assert page.evaluate("document.activeElement.textContent") == "More"
    assert page.title() == ""  # the focus was taken for a moment, and no script of the page heard of it


@pytest.mark.parametrize("ring", WRONG)
def test_a_focus_without_a_ring_of_its_own_making_is_a_fault(page, ring):
    page.set_content(PAGE.format(css=WRONG[ring]))
    with pytest.raises(AssertionError, match="no ring on <a href"):
        Keyboard(Tab(page)).reach(page.get_by_role("link"))
