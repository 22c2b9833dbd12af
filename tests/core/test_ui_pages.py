"""The shell around every page, the ways in, and how refusals look."""

import re

import pytest
from django.contrib.messages import constants as levels
from django.contrib.messages.storage.base import Message
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from galaxy.core.demo import LOGINS
from galaxy.core.http import wants_partial
from galaxy.core.models import User
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db(databases=["default", "owner"])

OPEN_PAGES = [
    "account_login",
    "account_signup",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
    "account_inactive",
    "account_email_verification_sent",
]
OWN_PAGES = ["account_logout", "account_email", "account_change_password", "account_reauthenticate"]


def _is_ours(page: str) -> bool:
    return "css/galaxy.css" in page and 'class="skip"' in page and "<main" in page


@pytest.mark.parametrize("name", OPEN_PAGES)
def test_every_way_in_wears_our_shell(client, name):
    response = client.get(reverse(name))
    page = response.content.decode()
    assert response.status_code == 200
    assert _is_ours(page)
    assert page.count("<h1") == 1
    assert re.search(r"<title>.+ · Galaxy</title>", page)


@pytest.mark.parametrize("name", OWN_PAGES)
def test_every_page_of_ones_account_wears_our_shell(client_of, member, name):
    page = client_of(member).get(reverse(name)).content.decode()
    assert _is_ours(page)
    assert page.count("<h1") == 1


def test_a_reset_link_that_is_spent_says_so_in_our_shell(client):
    page = client.get(reverse("account_reset_password_from_key", args=["1", "nonsense"])).content.decode()
    assert _is_ours(page)
    assert "This link no longer works" in page


@pytest.mark.parametrize(("debug", "staff", "shown"), [(False, False, False), (False, True, True), (True, False, True)])
def test_the_pattern_page_is_in_the_navigation_of_who_builds_pages(client_of, member, settings, debug, staff, shown):
    settings.DEBUG = debug
    User.objects.filter(pk=member.pk).update(is_staff=staff)
    page = client_of(member).get(reverse("core:workspace-list")).content.decode()
    assert ('data-go="p"' in page) is shown


@pytest.mark.parametrize("path", ["/w/{theirs}/", "/w/{mine}/audit/999999999/", "/nowhere/"])
def test_what_is_not_there_is_told_in_our_shell_on_a_development_server_too(
    client_of, auditor, workspace, other_workspace, settings, path
):
    settings.DEBUG = True
    response = client_of(auditor).get(path.format(mine=workspace.slug, theirs=other_workspace.slug))
    page = response.content.decode()
    assert response.status_code == 404
    assert _is_ours(page) and "There is nothing at this address" in page


@pytest.mark.asvs("6.3.4")
def test_nobody_signs_up_alone(client):
    page = client.get(reverse("account_signup")).content.decode()
    assert "by invitation" in page
    assert "<form" not in page


def test_the_log_in_serves_password_managers_and_keeps_the_way_on(client, member):
    page = client.get(reverse("account_login"), {"next": "/patterns/"}).content.decode()
    assert re.search(r'<input[^>]*name="login"[^>]*autocomplete="username"', page) or re.search(
        r'<input[^>]*autocomplete="username"[^>]*name="login"', page
    )
    assert 'autocomplete="current-password"' in page
    assert 'name="next" value="/patterns/"' in page
    response = client.post(
        reverse("account_login"), {"login": member.email, "password": PASSWORD, "next": "/patterns/"}, follow=True
    )
    assert response.redirect_chain[-1][0] == "/patterns/"


@pytest.mark.asvs("6.3.8")
def test_a_wrong_password_is_told_near_the_form_and_gives_nothing_away(client, member):
    wrong = {"login": member.email, "password": "wrong"}
    known = client.post(reverse("account_login"), wrong).content.decode()
    unknown = client.post(reverse("account_login"), wrong | {"login": "nobody@example.test"}).content.decode()
    say = re.compile(r'<div class="banner banner-bad" role="alert">.*?<p>(.*?)</p>', re.DOTALL)
    assert say.search(known)[1] == say.search(unknown)[1]


def test_demo_log_ins_are_a_secret_of_development(client, settings):
    make_user("Olga", LOGINS[0][1])
    assert LOGINS[0][1] not in client.get(reverse("account_login")).content.decode()
    settings.DEBUG = True
    page = client.get(reverse("account_login")).content.decode()
    assert LOGINS[0][1] in page
    assert LOGINS[1][1] not in page  # only those that exist here


@pytest.mark.asvs("7.4.4")
def test_pages_offer_to_sign_out(client_of, admin, workspace):
    signs_out = f'<form method="post" action="{reverse("account_logout")}">'
    pages = ["/preferences/", "/help/", "/account/sessions/", "/account/second-factor/", workspace.get_absolute_url()]
    pages += [
        reverse(f"{name}-list", args=[workspace.slug]) for name in ("core:audit", "policies:approval", "sandbox:run")
    ]
    client = client_of(admin)
    assert [path for path in pages if signs_out not in client.get(path).text] == []


def test_the_shell_names_workspace_role_and_person(client_of, admin, workspace):
    page = client_of(admin).get(reverse("core:workspace-list")).content.decode()
    assert workspace.name in page
    assert admin.name in page
    assert "data-theme" not in page.partition("<head>")[0]
    admin.theme, admin.density = "dark", "compact"
    admin.save()
    html = client_of(admin).get(reverse("core:workspace-list")).content.decode().partition("<head>")[0]
    assert 'data-theme="dark"' in html
    assert 'data-density="compact"' in html


def test_sim_stands_first_in_the_title_and_over_the_page():
    request = RequestFactory().get("/")
    request.user = User(name="Rosa Marin", email="rosa@example.test")
    page = render_to_string("core/help.html", {"simulated": True}, request)
    assert "<title>[Sim] Help" in page
    assert "Nothing here reaches a live system." in page
    assert "[Sim]" not in render_to_string("core/help.html", {}, request)


def test_patterns_shows_every_partial_of_ours(client_of, member):
    page = client_of(member).get(reverse("core:patterns")).content.decode()
    for mark in (
        "badge-sim",
        "denied-why",
        "toast-bad",
        "banner-bad",
        "simband",
        'class="wf"',
        "mcard",
        "qitem",
        "empty-art",
    ):
        assert mark in page, mark
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert sorted({one for one in ids if ids.count(one) > 1}) == []


def test_errors_stay_and_good_news_leaves():
    messages = [Message(levels.SUCCESS, "Pinned."), Message(levels.ERROR, "<b>Failed.</b>")]
    shown = render_to_string("ui/_toasts.html", {"messages": messages})
    assert re.search(r'toast-ok" data-toast="leaves"', shown)
    assert re.search(r'toast-bad" data-toast="stays"', shown)
    assert "&lt;b&gt;Failed." in shown


@pytest.mark.asvs("16.5.4")
def test_the_last_resort_needs_no_request():
    page = render_to_string("500.html", {"request_id": "abc12345"})
    assert _is_ours(page)
    assert "abc12345" in page


@pytest.mark.parametrize(
    ("headers", "partial"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "true", "HX-Boosted": "true"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
    ],
)
def test_only_a_plain_question_of_htmx_wants_a_part(headers, partial):
    request = RequestFactory().get("/", headers=headers)
    request.htmx = HtmxDetails(request)
    assert wants_partial(request) is partial
