"""The edges of HTTP: browsers' reports, what a proxy may say, and how much may be sent."""

import json
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import reverse

from galaxy.core.views import ops

pytestmark = pytest.mark.django_db
URL = "/csp-reports/"
OLD = {
    "csp-report": {
        "document-uri": "https://galaxy.example/w/meridian/?token=secret",
        "violated-directive": "script-src-elem 'self'",
        "blocked-uri": "https://evil.example/x.js",
    }
}
NEW = [
    {
        "type": "csp-violation",
        "body": {
            "documentURL": "https://galaxy.example/help/",
            "effectiveDirective": "img-src",
            "blockedURL": "inline",
        },
    },
    {"type": "deprecation", "body": {}},
]


@pytest.fixture
def told(monkeypatch):
    found = []
    monkeypatch.setattr(ops.log, "warning", lambda event, **words: found.append(words))
    return found


@pytest.fixture
def browser():
    """Each test reports from an address of its own: the limit is kept by address."""
    return Client(REMOTE_ADDR=f"2001:db8::{uuid.uuid4().hex[:4]}", enforce_csrf_checks=True)


def send(browser, body, content_type="application/csp-report"):
    return browser.post(URL, body if isinstance(body, bytes) else json.dumps(body), content_type)


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (OLD, "application/csp-report", {"directive": "script-src-elem", "blocked": "https", "route": "overview"}),
        (NEW, "application/reports+json", {"directive": "img-src", "blocked": "inline", "route": "core:help"}),
    ],
)
def test_a_report_is_logged_in_our_words_alone(browser, told, body, content_type, words):
    assert send(browser, body, content_type).status_code == 204
    assert told == [words]


def test_a_made_up_report_says_nothing(browser, told):
    body = {"csp-report": {"violated-directive": "a\r\nb", "blocked-uri": "javascript:x", "document-uri": "http://[x"}}
    assert send(browser, body).status_code == 204
    assert told == [{"directive": "other", "blocked": "other", "route": "unmatched"}]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"[" * 9000, "application/csp-report", 400),
        (b"{", "application/csp-report", 400),
        (b"\xff\xfe", "application/csp-report", 400),
        (b'"text"', "application/csp-report", 400),
        (b'[{"body": 1}]', "application/reports+json", 400),
        (b"{" + b" " * 16_384, "application/csp-report", 413),
        (b"a=b", "application/x-www-form-urlencoded", 415),
    ],
)
def test_what_is_no_report_is_refused(browser, told, body, content_type, status):
    assert send(browser, body, content_type).status_code == status
    assert told == []


def test_one_address_cannot_fill_the_log(browser, told):
    answers = [send(browser, OLD).status_code for _ in range(ops.REPORTS_A_MINUTE + 5)]
    assert answers == [204] * ops.REPORTS_A_MINUTE + [429] * 5
    assert len(told) == ops.REPORTS_A_MINUTE


def test_one_report_of_many_violations_is_cut(browser, told):
    assert send(browser, NEW[:1] * 100, "application/reports+json").status_code == 204
    assert len(told) == ops.REPORTS_AT_ONCE


@pytest.mark.asvs("3.4.7")
def test_the_policy_says_where_reports_go(client):
    response = client.get(reverse("account_login"))
    assert f"report-uri {URL}" in response["Content-Security-Policy"]
    assert "report-to csp" in response["Content-Security-Policy"]
    assert response["Reporting-Endpoints"] == f'csp="{URL}"'


@pytest.mark.asvs("4.1.3", "15.3.4")
def test_a_header_of_a_proxy_is_believed_only_behind_one(settings, client):
    from allauth.core.internal.httpkit import get_client_ip

    said = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example"}
    request = RequestFactory().get("/", headers=said, REMOTE_ADDR="192.0.2.1")
    assert (request.is_secure(), get_client_ip(request), request.get_host()) == (False, "192.0.2.1", "testserver")

    settings.SECURE_PROXY_SSL_HEADER, settings.ALLAUTH_TRUSTED_PROXY_COUNT = ("HTTP_X_FORWARDED_PROTO", "https"), 1
    said["X-Forwarded-For"] = "198.51.100.7, 203.0.113.9"  # the first is what the client made up
    request = RequestFactory().get("/", headers=said, REMOTE_ADDR="192.0.2.1")
    assert (request.is_secure(), get_client_ip(request), request.get_host()) == (True, "203.0.113.9", "testserver:80")


def test_a_host_that_is_not_ours_is_refused(client):
    response = client.get("/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "evil.example" not in response.content.decode()
    assert response["Content-Security-Policy"]


@pytest.mark.asvs("5.2.1")
@pytest.mark.parametrize("kind", ["json", "form", "file"])
def test_what_is_too_large_is_refused_in_our_words(client, settings, kind):
    big = "x" * (settings.GALAXY_MAX_BODY_BYTES + 1)
    url = reverse("account_login")
    if kind == "json":
        response = client.post(url, json.dumps({"a": big}), "application/json")
    else:
        response = client.post(url, {"a": SimpleUploadedFile("a.bin", big.encode()) if kind == "file" else big})
    assert response.status_code == 413
    assert "larger than 1024 KB" in response.content.decode()
    assert response["Content-Security-Policy"]


def test_too_many_fields_are_refused(client, settings):
    fields = {f"f{number}": "1" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    assert client.post(reverse("account_login"), fields).status_code == 400


@pytest.mark.asvs("1.4.2")
def test_a_made_up_length_gets_no_further(client):
    assert client.generic("POST", URL, b"{}", "application/csp-report", CONTENT_LENGTH="ten").status_code == 400
