"""Security headers stand on whatever is answered: pages, parts, redirects, refusals, defects, the API and files."""

import json

import pytest
from django.conf import settings as django_settings
from django.test import Client

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
POLICY = ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'")
STORED = ("/static/",)  # the one thing that a cache may keep


def check(response, path: str, *, has_policy: bool = True) -> None:
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS, path
    if has_policy:
        policy = response["Content-Security-Policy"]
        assert all(part in policy for part in POLICY) and "unsafe" not in policy, path
    assert response["X-Request-ID"]
    if not path.startswith(STORED):
        assert "no-store" in response["Cache-Control"], path


@pytest.mark.asvs("3.2.1", "3.4.3", "3.4.4", "3.4.5", "3.4.6", "3.4.8", "3.5.8", "14.3.2")
@pytest.mark.django_db
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/account/login/", {}, 200),
        ("/", {}, 302),
        ("/help/", {}, 302),
        ("/help/", {"HX-Request": "true"}, 200),  # htmx is told where to go
        ("/nowhere/", {}, 404),
        ("/help/", {"Host": "evil.example"}, 400),
        ("/healthz", {}, 200),
        ("/invitations/made-up/", {}, 410),
        ("/api/v1/me/", {}, 401),
        ("/api/v1/me/", {"Accept": "nonsense"}, 406),
        ("/api/v1/schema/", {}, 200),
        ("/api/v1/nowhere/", {}, 404),
        ("/static/css/galaxy.css", {}, 200),
        ("/static/nowhere.css", {}, 404),
    ],
)
def test_headers_stand_on_every_answer(settings, path, headers, status, debug):
    settings.DEBUG = debug
    client = Client(raise_request_exception=False)
    response = client.get(path, headers=headers)
    response.close()  # a file is sent as a stream
    assert response.status_code == status
    if not (debug and status == 400):  # Django's debug page, which a development server alone shows
        check(response, path, has_policy=not (debug and status == 404))  # where django-csp thinks of that page


@pytest.mark.asvs("3.4.4", "3.4.6", "14.3.2", "16.5.1")
@pytest.mark.django_db
def test_headers_stand_on_what_is_refused_or_breaks(client_of, member, settings, monkeypatch):
    def break_down(middleware, request):
        raise RuntimeError("the password is hunter2")

    forger = Client(enforce_csrf_checks=True)
    forger.cookies = client_of(member).cookies
    check(refused := forger.post("/preferences/", {"theme": "dark"}), "/preferences/")
    large = client_of(member).post("/preferences/", {"theme": "a" * 2_000_000})
    check(large, "/preferences/")
    check(wrong := client_of(member).post("/healthz"), "/healthz")
    client = client_of(member)
    client.raise_request_exception = False
    monkeypatch.setattr("galaxy.core.second_factor.SecondFactorMiddleware.__call__", break_down)
    broken = client.get("/help/")
    assert broken.status_code == 500 and "hunter2" not in broken.text
    check(broken, "/help/")
    assert (refused.status_code, large.status_code, wrong.status_code) == (403, 413, 405)


@pytest.mark.django_db
def test_what_an_older_key_signed_is_still_good_until_it_is_taken_out(client_of, member, settings):
    client = client_of(member)
    assert client.get("/help/").status_code == 200
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key, made to take over from the first one"
    settings.SECRET_KEY_FALLBACKS = [old]
    assert client.get("/help/").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert client.get("/help/").status_code == 200, "the first request under the new key signed the session anew"
    other = client_of(member)
    settings.SECRET_KEY = "a third key, with nothing to remember the second by"
    assert other.get("/help/").status_code == 302


def test_no_answer_of_the_settings_is_a_wildcard():
    assert "*" not in django_settings.ALLOWED_HOSTS
    assert json.dumps(django_settings.CONTENT_SECURITY_POLICY["DIRECTIVES"], default=str).count("*") == 0
