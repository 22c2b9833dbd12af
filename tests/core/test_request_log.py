"""What one line of the log says of a request, and what must never stand in it."""

import json
import logging
from io import StringIO

import pytest
from django.urls import reverse

from galaxy.core.logs import formatter
from galaxy.core.ops.request_log import log, user_hash
from tests.factories import PASSWORD

CANARY = "canary-7f3a91"
pytestmark = pytest.mark.django_db


class Captured:
    def __init__(self, as_json: bool):
        self._text = StringIO()
        self.handler = logging.StreamHandler(self._text)
        self.handler.setFormatter(formatter(as_json=as_json))

    @property
    def text(self) -> str:
        return self._text.getvalue()

    def requests(self) -> list[dict]:
        lines = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in lines if line["event"] == "request"]


@pytest.fixture
def captured(request):
    """The log as production writes it; ``indirect`` False gives the developer's form."""
    found = Captured(getattr(request, "param", True))
    root = logging.getLogger()
    root.addHandler(found.handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    yield found
    root.setLevel(level)
    root.removeHandler(found.handler)


@pytest.mark.asvs("16.2.1", "16.2.4")
def test_a_request_is_one_line_with_route_status_time_and_ids(client_of, admin, workspace, captured):
    response = client_of(admin).get(reverse("policies:approval-list", args=["meridian"]), {"q": CANARY})
    [line] = captured.requests()
    assert line["route"] == "policies:approval-list"
    assert (line["method"], line["status"], line["workspace"]) == ("GET", 200, str(workspace.pk))
    assert line["request_id"] == response["X-Request-ID"]
    assert line["user"] == user_hash(admin.pk)
    assert str(admin.pk) not in captured.text
    assert 0 < line["ms"] < 60_000
    assert set(line) == {
        "event", "level", "logger", "timestamp", "request_id", "method", "route", "status", "ms", "user", "workspace",
    }  # fmt: skip


@pytest.mark.asvs("14.2.1", "16.2.5")
def test_no_value_anybody_sends_stands_in_the_log(client, client_of, member, captured, settings):
    settings.DEBUG = False
    client.post(reverse("account_login"), {"login": f"{CANARY}@example.test", "password": CANARY})
    client.post(reverse("account_login"), {"login": member.email, "password": PASSWORD, "next": f"/{CANARY}/"})
    client.get(reverse("account_reset_password_from_key", args=["1", CANARY]))
    client.get(reverse("account_confirm_email", args=[CANARY]))
    client.get(f"/{CANARY}/", {CANARY: CANARY}, headers={"User-Agent": CANARY, "Cookie": f"a={CANARY}"})
    client.get("/", headers={"Host": f"{CANARY}.example"})
    client.get("/", headers={"X-Request-ID": f"{CANARY}\n"})
    client.generic(CANARY, "/healthz")
    client.post("/csp-reports/", json.dumps({"csp-report": {"document-uri": f"http://x/{CANARY}"}}), "application/json")
    client_of(member).get(f"/w/{CANARY}/")
    lines = captured.requests()
    assert len(lines) == 10
    assert {line["route"] for line in lines} >= {"unmatched", "account_login", "account_reset_password_from_key"}
    assert CANARY not in captured.text
    assert member.email not in captured.text
    assert PASSWORD not in captured.text


@pytest.mark.asvs("16.3.4", "16.5.4")
def test_an_error_is_logged_by_kind_and_place_without_its_text(client, captured, monkeypatch):
    from galaxy.core.views import ops

    def fail(value):
        raise LookupError(f"no such person: {value}")

    monkeypatch.setattr(ops, "is_ready", lambda conditions: fail(CANARY))
    client.raise_request_exception = False
    assert client.get("/readyz").status_code == 500
    [failed] = [line for line in map(json.loads, captured.text.splitlines()) if line["event"] == "request.failed"]
    assert (failed["route"], failed["error"]) == ("core:readiness", "builtins.LookupError")
    assert any("ops.py" in frame and frame.endswith(" ready") for frame in failed["frames"])
    assert CANARY not in captured.text


@pytest.mark.asvs("16.4.1")
@pytest.mark.parametrize("captured", [True, False], indirect=True, ids=["json", "console"])
def test_no_value_begins_a_line_of_its_own(captured):
    forged = "calm\r\n2026-01-01 [info] request status=200\x1b[2J\u2028x"
    log.info("request", route=forged)
    logging.getLogger("somewhere").warning("took %s", forged)
    assert len(captured.text.splitlines()) == 2
    for sign in ("\r", "\x1b", "\u2028"):
        assert sign not in captured.text


def test_health_is_too_frequent_to_be_told_and_static_files_are_nobodys_act(client, captured):
    logging.getLogger().setLevel(logging.INFO)
    client.get("/healthz")
    client.get("/static/css/galaxy.css").close()
    assert captured.requests() == []
