"""What answers carry and refuse: transport, origins, methods, files, cookies, and what the log says of them."""

import logging
import re
import secrets

import pytest
from allauth.mfa import app_settings as mfa
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.usersessions.models import UserSession
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import get_resolver, reverse

from galaxy.core.models import AuditEvent
from galaxy.core.recovery_codes import ALPHABET
from galaxy.core.session_store import SessionStore
from tests.factories import PASSWORD

YEAR_S = 365 * 24 * 3600
EVIL = "https://evil.example"
PLACES = ("/account/login/", "/", "/nowhere/", "/api/v1/me/", "/api/v1/schema/", "/static/css/galaxy.css", "/healthz")


def let_go(answer) -> None:
    """Close a file that is answered, and not the connection to the database, which is the test's own."""
    for close in answer._resource_closers:
        close()


@pytest.fixture
def over_https(settings):
    """As in production, where transport is concerned."""
    settings.SECURE_SSL_REDIRECT = settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    settings.SECURE_HSTS_SECONDS = YEAR_S


@pytest.mark.django_db
@pytest.mark.asvs("3.4.1")
@pytest.mark.parametrize("path", PLACES)
def test_https_is_kept_to_for_a_year_on_each_answer(over_https, path):
    answer = Client().get(path, secure=True)
    let_go(answer)
    assert answer["Strict-Transport-Security"] == f"max-age={YEAR_S}; includeSubDomains; preload"


@pytest.mark.django_db
@pytest.mark.asvs("4.1.2", "12.2.1")
def test_pages_lead_to_https_and_programs_are_refused(over_https):
    page = Client().get("/account/login/")
    assert (page.status_code, page["Location"]) == (301, "https://testserver/account/login/")
    for path in ("/api/v1/me/", "/api/v1/workspaces/meridian/runs/", "/hooks/made-up/"):
        answer = Client().post(path, {}, content_type="application/json")
        assert (answer.status_code, answer.headers.get("Location")) == (403, None), path
        assert answer.json()["code"] == "not_encrypted" and answer["X-Content-Type-Options"] == "nosniff"
        assert Client().get(path, secure=True).status_code != 403


@pytest.mark.asvs("3.4.2")
@pytest.mark.parametrize("path", PLACES)
def test_no_other_origin_is_let_in(client_of, member, path):
    client = client_of(member)
    for ask in (client.get, client.options):
        answer = ask(path, headers={"Origin": EVIL, "Access-Control-Request-Method": "POST"})
        let_go(answer)
        assert [name for name in answer.headers if name.lower().startswith("access-control-")] == []


@pytest.mark.django_db
@pytest.mark.asvs("4.1.1")
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/account/login/", "text/html; charset=utf-8"),
        ("/nowhere/", "text/html; charset=utf-8"),
        ("/api/v1/me/", "application/problem+json"),  # JSON is UTF-8 by its own standard, and has no such parameter
        ("/api/v1/schema/", "application/vnd.oai.openapi+json"),
        ("/static/css/galaxy.css", 'text/css; charset="utf-8"'),
        ("/static/js/queue.js", 'text/javascript; charset="utf-8"'),
        ("/healthz", "application/json"),
    ],
)
def test_each_answer_says_its_type(client, path, kind):
    answer = client.get(path)
    let_go(answer)
    assert answer["Content-Type"] == kind


@pytest.mark.django_db
@pytest.mark.asvs("13.4.4")
@pytest.mark.parametrize("path", PLACES)
def test_trace_is_not_answered(client, path):
    answer = client.trace(path)
    let_go(answer)
    assert answer.status_code in {302, 401, 404, 405}
    assert "TRACE" not in (b"" if answer.streaming else answer.content).decode()


@pytest.mark.django_db
@pytest.mark.asvs("13.4.3", "13.4.1", "14.2.5")
@pytest.mark.parametrize(
    "path",
    [
        "/static/", "/static/css/", "/static/js/", "/.git/config", "/.env", "/static/../galaxy/settings.py",
        "/static/%2e%2e/manage.py", "/account/login/x.css", "/preferences/x.js", "/w/meridian/x.css", "/healthz/x.css",
    ],
)  # fmt: skip
def test_nothing_is_listed_and_no_page_passes_for_a_file(client_of, member, path):
    answer = client_of(member).get(path)
    let_go(answer)
    assert answer.status_code == 404
    assert path.startswith("/static/") or "no-store" in answer["Cache-Control"]


@pytest.mark.asvs("5.3.1", "3.5.7")
def test_no_address_serves_what_people_gave_as_a_file_or_a_script():
    assert (django_settings.MEDIA_ROOT, django_settings.MEDIA_URL) in {("", "/"), ("", "")}
    names = {getattr(one.callback, "__module__", "") for one in _views(get_resolver())}
    assert len(names) > 50 and "django.views.static" not in names
    assert [str(one.pattern) for one in _views(get_resolver()) if re.search(r"\.(js|mjs)\$?$", str(one.pattern))] == []


def _views(resolver):
    for one in resolver.url_patterns:
        if hasattr(one, "url_patterns"):
            yield from _views(one)
        else:
            yield one


@pytest.mark.asvs("14.3.1", "7.4.1")
def test_signing_out_clears_the_browser(client_of, member, settings):
    client = client_of(member)
    assert "Clear-Site-Data" not in client.get("/preferences/").headers
    answer = client.post("/account/logout/")
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert client.get("/preferences/").status_code == 302
    late = client_of(member)
    settings.GALAXY_SESSION_IDLE_S = -1
    assert late.get("/preferences/")["Clear-Site-Data"] == '"cache", "storage"'


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.3", "3.3.4", "3.3.5")
def test_every_cookie_is_ours_alone(member, settings):
    """Also the one that tells the next page what happened. Their names and Secure are production's: test_settings."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.ACCOUNT_RATE_LIMITS = False
    client = Client()
    client.get("/account/login/", secure=True)
    client.post("/account/login/", {"login": member.email, "password": PASSWORD}, secure=True)
    for theme in ("dark", "light") * 20:
        client.post("/preferences/", {"theme": theme}, secure=True)
    given = dict(client.cookies.items())
    given["galaxy-messages"] = client.post("/account/logout/", secure=True).cookies["galaxy-messages"]
    assert set(given) == {"galaxy", "galaxy-csrf", "galaxy-messages"}
    for name, cookie in given.items():
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax"), name
        assert (cookie["path"], cookie["domain"]) == ("/", "")
        assert len(name) + len(cookie.value) <= 4096
    source = (django_settings.BASE_DIR / "galaxy" / "settings.py").read_text(encoding="utf-8")
    names = re.findall(r'"([\w-]+)" if _https else "galaxy[\w-]*"', source)
    assert set(names) == {"__Host-galaxy", "__Host-galaxy-messages", "__Host-galaxy-csrf"}


@pytest.mark.django_db
@pytest.mark.asvs("7.2.3")
def test_keys_of_sessions_cannot_be_guessed():
    keys = {SessionStore()._get_new_session_key() for _ in range(200)}
    assert len(keys) == 200 and {len(key) for key in keys} == {32}
    assert len({sign for key in keys for sign in key}) == 36  # 32 of 36 signs: 165 bits


@pytest.mark.asvs("6.5.3", "6.5.4")
def test_codes_and_seeds_are_random_and_long_enough(monkeypatch):
    assert mfa.TOTP_DIGITS == 6 and len(set(ALPHABET)) == 32
    assert len({generate_totp_secret() for _ in range(50)}) == 50 and len(generate_totp_secret()) == 32  # 160 bits
    monkeypatch.setattr(secrets, "token_bytes", lambda size: bytes(size))
    assert set(generate_totp_secret()) == {"A"}, "they come from the system's own source"


@pytest.mark.asvs("6.7.2")
def test_challenges_of_passkeys_are_new_and_long(member, rf):
    from allauth.core import context

    request = rf.get("/")
    request.session, request.user = SessionStore(), member
    with context.request_context(request):
        given = [webauthn.begin_registration(member, passwordless=True)["publicKey"]["challenge"] for _ in range(5)]
    assert len(set(map(str, given))) == 5 and all(len(one) >= 16 for one in given)


@pytest.mark.asvs("15.3.7")
def test_a_field_in_the_address_is_no_field_of_the_form(client_of, member, admin, workspace):
    member.theme = "light"
    member.save()
    client_of(member).post("/preferences/?theme=dark", {})
    member.refresh_from_db()
    assert member.theme == "light"
    address = f"{reverse('core:audit-list', args=[workspace.slug])}?actor=x&actor={admin.pk}&page=1&page=2"
    assert client_of(admin).get(address).status_code in {200, 422}


@pytest.mark.asvs("7.4.5")
def test_operators_end_the_sessions_of_one_or_of_all(member, admin, workspace, capsys, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    browsers = {}
    for person in (member, member, admin):
        browser = Client()
        browser.post("/account/login/", {"login": person.email, "password": PASSWORD})
        browsers.setdefault(person, []).append(browser)
    call_command("end_sessions", member.email.upper())
    assert capsys.readouterr().out == "2 sessions ended.\n"
    assert [browser.get("/preferences/").status_code for browser in browsers[member]] == [302, 302]
    assert browsers[admin][0].get("/preferences/").status_code == 200
    assert AuditEvent.objects.filter(action="session.revoked", target_id=member.pk).count() == 1
    call_command("end_sessions", "--all")
    assert browsers[admin][0].get("/preferences/").status_code == 302
    assert not Session.objects.filter(session_key__in=UserSession.objects.values("session_key")).exists()
    for wrong in ([], ["nobody@meridian.example"], [member.email, "--all"]):
        with pytest.raises(CommandError):
            call_command("end_sessions", *wrong)


@pytest.mark.asvs("16.3.2", "16.2.1")
def test_what_was_refused_is_a_line_with_who_and_where(client_of, member, stranger, workspace, captured):
    client_of(stranger).get(reverse("core:audit-list", args=[workspace.slug]))
    client_of(member).get(reverse("core:audit-list", args=[workspace.slug]))
    lines = captured.requests()
    assert [(line["route"], line["status"]) for line in lines] == [("core:audit-list", 404), ("core:audit-list", 403)]
    assert lines[0]["user"] != lines[1]["user"]


@pytest.mark.django_db
@pytest.mark.asvs("16.3.3")
def test_attempts_to_get_around_are_lines(client_of, member, captured):
    forger = Client(enforce_csrf_checks=True)
    forger.cookies = client_of(member).cookies
    forger.post("/preferences/", {"theme": "dark"})
    Client().get("/", headers={"Host": "evil.example"})
    client_of(member).post("/preferences/", {"theme": "a" * 2_000_000})
    statuses = [line["status"] for line in captured.requests()]
    assert statuses == [403, 400, 413]
    assert captured.text.count('"request refused"') >= 2 and "evil.example" not in captured.text


@pytest.mark.asvs("16.2.2")
def test_lines_say_the_time_in_utc(captured):
    logging.getLogger("galaxy.somewhere").warning("something")
    assert re.search(r'"timestamp": "\d{4}-\d\d-\d\dT[\d:.]+Z"', captured.text)
    assert django_settings.USE_TZ and django_settings.TIME_ZONE == django_settings.CELERY_TIMEZONE == "UTC"


@pytest.mark.asvs("16.2.3")
def test_lines_go_to_one_place():
    from galaxy.core.logs import configure

    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        configure({"level": "INFO", "json": True})
        assert [type(one) for one in root.handlers] == [logging.StreamHandler]
    finally:
        root.handlers = before
        root.setLevel(level)
