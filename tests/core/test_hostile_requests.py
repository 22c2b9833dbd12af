"""Requests that no browser of ours sends: wrong hosts, huge bodies, odd text, addresses that lead away."""

import pytest
from django.urls import reverse

from galaxy.core.models import AuditEvent

LONG = "a" * 5_000
ODD = ["\0", "<script>alert(1)</script>", LONG, "९" * 40]


@pytest.fixture
def shown(settings):
    """As in production: errors are answered and not raised."""
    settings.DEBUG = False

    def of(client):
        client.raise_request_exception = False
        return client

    return of


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "a b", "localhost:80:80", "[::1"])
def test_a_wrong_host_is_refused_in_words(client, shown, host):
    answer = shown(client).get("/", headers={"host": host})
    assert answer.status_code == 400
    assert host not in answer.text
    assert "default-src" in answer["Content-Security-Policy"]


def test_a_body_beyond_the_limit_is_refused(client_of, shown, workspace, admin):
    address = reverse("sandbox:run-create", args=[workspace.slug])
    answer = shown(client_of(admin)).post(f"{address}?target=x", {"in_text": "a" * 2_000_000})
    assert answer.status_code == 413
    answer = shown(client_of(admin)).post(
        reverse("core:preferences"), {"next": "a" * 2_000_000}, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "name",
    [
        "core:audit-list", "sandbox:run-list", "sandbox:run-create", "registry:installation-list",
        "marketplace:listing-list", "policies:approval-list",
    ],
)  # fmt: skip
def test_no_text_in_an_address_breaks_a_page(client_of, shown, workspace, admin, name, odd):
    words = ("q", "target", "actor", "action", "page", "sort", "open", "from", "span", "before", "after", "kind", "tab",
             "state", "reach", "request_id", "since", "until", "level", "when", "outcome", "mode")  # fmt: skip
    client = shown(client_of(admin))
    address = reverse(name, args=[workspace.slug])
    for word in words:
        answer = client.get(address, {word: odd})
        assert answer.status_code in (200, 404, 422), word
        assert "<script>alert" not in answer.text


@pytest.mark.asvs("1.2.2", "3.7.2")
@pytest.mark.parametrize(
    "away", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:evil.example"]
)
def test_no_address_leads_away(client_of, client, cast, admin, away):
    answer = client_of(admin).post(reverse("core:preferences"), {"theme": "dark", "next": away})
    assert answer["Location"] == "/"
    admin.set_password("correct horse battery")
    admin.save()
    signed_in = client.post(
        reverse("account_login"), {"login": admin.email, "password": "correct horse battery", "next": away}
    )
    assert (signed_in.status_code, signed_in["Location"]) == (302, "/")


@pytest.mark.asvs("4.1.3")
def test_nobody_but_a_proxy_names_the_request_that_the_trail_keeps(client_of, settings, workspace, admin):
    forged = "0" * 32
    client = client_of(admin, **{"X-Request-ID": forged})
    client.get(reverse("core:audit-list", args=[workspace.slug]))
    assert AuditEvent.objects.exists()
    assert not AuditEvent.objects.filter(request_id=forged).exists()
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert client.get("/help/")["X-Request-ID"] == forged
