"""The console's components in a real browser: in both themes, from a phone to a desk, with and without script."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.axe import violations

PATTERNS = "/patterns/"
LOGIN = "/account/login/"


def test_axe_is_heard_once_colours_have_settled(visit, db):
    page = visit(LOGIN, for_axe=True).page
    page.evaluate(
        """document.querySelector("main").insertAdjacentHTML("beforeend", "<img src=/static/mark.svg><p>Words</p>");
           const words = document.querySelector("main > p:last-child");
           words.style = "background: #fff; color: #ddd; transition: color 300ms";
           getComputedStyle(words).color;
           words.style.color = "#000";"""
    )
    assert [problem.partition(" ")[0] for problem in violations(page)] == ["image-alt"]


def test_text_is_told_of_that_fails_though_its_letters_passed_elsewhere(visit, db):
    """``alike.js`` lets axe measure once what looks alike: letters, and the ground that they stand on."""
    page = visit(LOGIN, for_axe=True).page
    page.evaluate(
        """const main = document.querySelector("main"), white = {background: "#fff"};
           const add = (...looks) => looks.reduce((at, look) => {
             const one = at.appendChild(document.createElement("div"));
             Object.assign(one.style, look);
             return one;
           }, main).append("Words");
           add(white, {color: "#333"}), add(white, {color: "#333"});
           add({background: "#444"}, {color: "#333"}), add(white, {opacity: 0.3}, {color: "#333"});
           add(white, {color: "#999", visibility: "hidden"}), add(white, {color: "#999"}), add(white, {color: "#999"});
           add(white, {color: "#777", fontSize: "40px"}), add(white, {color: "#777", fontSize: "13px"});"""
    )
    assert [problem.partition(":")[0] for problem in violations(page)] == ["color-contrast x5"]
    page.evaluate("document.querySelector('main').style.background = '#fff'")
    page.emulate_media(color_scheme="dark")
    assert "color-contrast x" in violations(page, seen=True)[0]


def test_the_policy_holds_where_axe_is(visit, db):
    """So a page that is loaded for axe need not be loaded again to see whether it breaks its policy."""
    page = visit(LOGIN, for_axe=True).expect("Content Security Policy").page
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'let x'}))")
    assert violations(page) == []


@pytest.mark.parametrize("signed_in", [True, False])
def test_axe_finds_nothing_where_there_is_nothing(visit, member, signed_in):
    page = visit("/nowhere/", member if signed_in else None, for_axe=True, status=404).page
    assert page.get_by_role("heading", name="There is nothing here").is_visible()
    assert violations(page) == []


def test_axe_finds_nothing_with_menu_and_dialog_open(visit, member):
    page = visit(PATTERNS, member, for_axe=True).page
    page.get_by_role("button", name="Your menu").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Open a dialog…").click()
    expect(page.get_by_role("dialog", name="Roll HubSpot back")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("path", [PATTERNS, LOGIN])
def test_nothing_breaks_the_policy_and_no_page_scrolls_sideways(visit, member, path):
    tab = visit(path, None if path == LOGIN else member)
    for width in (768, 1920):
        tab.show("light", width).go(path).page.wait_for_load_state("networkidle")
        assert tab.complaints == [], width
        assert tab.sideways_px <= 0, width


def test_every_target_is_large_enough_to_hit(visit, member):
    page = visit(PATTERNS, member, width=390).page
    small = page.evaluate(
        """[...document.querySelectorAll("button, select, summary, input:not([type=hidden])")]
           .filter(e => !e.closest("label")).map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
           .filter(([, box]) => box.width && (box.width < 24 || box.height < 24)).map(([html]) => html)"""
    )
    assert small == []


@pytest.mark.parametrize(
    ("button", "menu", "width"), [("Workspace:", "spaces", 1280), ("Your menu", "me", 1280), ("Your menu", "me", 390)]
)
def test_a_menu_opens_beside_its_button(visit, member, workspace, button, menu, width):
    page = visit(workspace.get_absolute_url(), member, width=width).page
    opener = page.get_by_role("button", name=button)
    opener.click()
    at, box = opener.bounding_box(), page.locator(f"#{menu}").bounding_box()
    gap = max(box["y"] - (at["y"] + at["height"]), at["y"] - (box["y"] + box["height"]))
    assert 0 <= gap <= 32
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_the_theme_changes_at_once_and_is_still_there_on_the_next_page(visit, member):
    page = visit(PATTERNS, member).page
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.get_by_role("button", name="Dark").first.click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.get_by_role("button", name="Dark").first.get_attribute("aria-pressed") == "true"
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    member.refresh_from_db()
    assert member.theme == "dark"


def test_theme_and_density_work_without_script(visit, member):
    page = visit(PATTERNS, member, script=False).page
    page.get_by_role("button", name="Dark").first.click()
    assert page.url.endswith(PATTERNS)
    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("button", name="Compact").click()
    expect(page.locator("html")).to_have_attribute("data-density", "compact")
    member.refresh_from_db()
    assert (member.theme, member.density) == ("dark", "compact")


def test_help_opens_by_its_key_and_by_its_link_without_script(visit, member):
    page = visit(PATTERNS, member).page
    page.keyboard.press("?")
    help_dialog = page.get_by_role("dialog", name="Help and shortcuts")
    expect(help_dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(help_dialog).to_be_hidden()

    page = visit(PATTERNS, member, script=False).page
    page.get_by_role("link", name="Help and shortcuts").click()
    expect(page).to_have_url(re.compile(reverse("core:help") + "$"))


def test_letters_are_text_while_someone_types_and_can_be_switched_off(visit, member):
    page = visit(PATTERNS, member).page
    page.keyboard.press("/")
    page.keyboard.type("?g/")
    assert page.locator("[data-search]").input_value() == "?g/"
    assert not page.get_by_role("dialog").is_visible()

    with page.expect_response(lambda response: response.request.method == "POST"):
        page.locator("main [data-letters-form]").get_by_role("button", name="Off").click()
    page.locator("main").focus()
    page.keyboard.press("?")
    assert not page.get_by_role("dialog", name="Help and shortcuts").is_visible()
    page.reload()
    page.keyboard.press("?")
    assert not page.get_by_role("dialog", name="Help and shortcuts").is_visible()


def test_j_and_k_move_within_the_queue_and_stop_at_its_ends(visit, member):
    page = visit(PATTERNS, member).page
    rows = page.locator("[data-queue] [data-row] a")

    def focused():
        return page.evaluate("document.activeElement.textContent")

    rows.first.focus()
    page.keyboard.press("k")
    assert focused() == rows.nth(0).text_content()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    assert focused() == rows.nth(2).text_content()


def test_a_problem_is_told_where_nothing_can_miss_it(visit, member):
    tab = visit(PATTERNS, member).expect("500").expect("/gone/").expect("net::ERR_FAILED")
    page = tab.allow("[watch] the page moved").page  # by the height of the problem, which is told above it
    page.route("**/broken/", lambda route: route.fulfill(status=500, headers={"X-Request-ID": "abc12345"}))
    page.evaluate("htmx.ajax('GET', '/broken/', '#main')")
    problem = page.get_by_role("alert").filter(has_text="could not finish")
    problem.wait_for()
    assert "abc12345" in problem.text_content()
    assert page.get_by_role("heading", name="Patterns", exact=True).is_visible()

    page.route("**/gone/", lambda route: route.abort())
    page.evaluate("htmx.ajax('GET', '/gone/', '#main').catch(() => {})")
    page.get_by_role("alert").filter(has_text="did not answer").wait_for()


def test_toasts_close_and_a_copied_word_is_announced(visit, member):
    tab = visit(PATTERNS, member)
    page = tab.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy digest").click()
    page.locator("#announcer", has_text="Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "9f31a0b2c4d5e6f7c2e7"
    toasts = page.locator("[data-toast]")
    before = toasts.count()
    toasts.last.get_by_role("button", name="Dismiss").click()
    expect(toasts).to_have_count(before - 1)


@pytest.mark.asvs("3.7.5")
def test_signing_in_and_out_works_without_script(visit, member):
    page = visit(LOGIN, script=False).page
    page.get_by_label("E-mail").fill(member.email)
    page.get_by_label("Password").fill("wrong password here")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="not correct")).to_have_count(1)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/w/"))
    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Your menu")).to_be_hidden()
    page.goto(PATTERNS)
    assert LOGIN in page.url
