"""What should never have been sent, and what is answered: always a problem, never a page, never a defect."""

import itertools
import json
from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone

from galaxy.core.api.repeats import KEPT_FOR, delete_old_answers
from galaxy.core.models import AuditEvent, KeptAnswer
from galaxy.core.scope import workspace_scope
from sandbox.models import Run
from sandbox.services import invoke
from tests.api.conftest import send, url

BODY = {"target": "probe.look_up", "inputs": {"key": "a"}}
PROBLEM = {"type", "title", "status", "code", "detail", "next_step", "request_id", "fields"}


def problem(response, status: int, code: str) -> dict:
    found = response.json()
    assert (response.status_code, found["code"]) == (status, code), found
    assert response["Content-Type"] == "application/problem+json"
    assert set(found) == PROBLEM
    assert (found["type"], found["status"]) == (f"urn:galaxy:problem:{code}", status)
    assert found["request_id"] == response["X-Request-ID"]
    assert found["detail"]
    return found


@pytest.fixture
def client(api, token_of, member, probe):
    return api(token_of(member))


def post(client, raw, **headers):
    return client.post(url("runs/"), raw, content_type="application/json", headers=headers)


@pytest.mark.asvs("1.5.3", "2.2.1", "15.3.5")
@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ('{"target": "probe.look_up", "target": "probe.remove"}', "twice"),
        ('{"target": "probe.look_up", "inputs": {"key": "a", "key": "b"}}', "twice"),
        ('{"target": NaN}', "NaN"),
        ('{"target": "x", "inputs": {"n": 1e999}}', "too large"),
        ('{"target": "x", "inputs": {"n": ' + "9" * 5000 + "}}", "too long"),
        ('{"target": "x\\u0000"}', "null character"),
        ('{"target": "\\ud800"}', "half of a character"),
        ('{"target": ' + "[" * 100_000, "nested"),
        ('{"target": "x", "inputs": ' + '{"a":' * 60 + "1" + "}" * 61, "nested"),
        ("[1, 2]", "not an object"),
        ("nonsense", "line 1, column 1"),
        ('{"target": "probe.look_up"} {"target": "x"}', "Extra data"),
        ('{"target": "probe.look_up"}garbage', "Extra data"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_body_that_readers_could_differ_on_is_refused(client, raw, words):
    assert words in problem(post(client, raw), 400, "malformed")["detail"]
    assert not Run.objects.exists()


@pytest.mark.asvs("5.2.1")
def test_a_body_of_ten_megabytes_is_refused_unread(client):
    raw = json.dumps({"target": "x", "inputs": {"blob": "a" * 10_000_000}})
    problem(post(client, raw), 413, "too_large")


def test_a_body_that_claims_to_be_small_is_read_no_further(client):
    """The length that is announced is all that is read; what is cut there is no JSON."""
    raw = json.dumps(BODY).encode()
    response = client.generic(
        "POST", url("runs/"), raw, content_type="application/json", CONTENT_LENGTH=str(len(raw) - 5)
    )
    problem(response, 400, "malformed")


@pytest.mark.parametrize("accept", ["nonsense", "text/html", "application/xml;q=1", "a/b/c, ;;;", "\u00e9"])
def test_only_json_is_answered(client, accept):
    found = problem(
        client.get(url("runs/"), headers={"Accept": accept.encode().decode("latin-1")}), 406, "not_acceptable"
    )
    assert "application/json" in found["next_step"]


@pytest.mark.asvs("3.5.2")
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_only_json_is_taken(client, kind):
    problem(client.generic("POST", url("runs/"), json.dumps(BODY), content_type=kind), 415, "unsupported_media_type")


@pytest.mark.asvs("8.2.3", "15.3.3")
def test_a_field_that_does_not_exist_is_refused(client):
    found = problem(send(client, "runs/", BODY | {"requested_by": "me", "state": "succeeded"}), 422, "invalid")
    assert found["fields"] == {"requested_by": "There is no such field.", "state": "There is no such field."}
    assert "colour" in problem(client.get(url("runs/?colour=red")), 422, "invalid")["fields"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "state=odd", "parent=1", "since=yesterday", "target=%00", "state=queued%00"],
)
def test_a_filter_that_cannot_be_used_is_named(client, query):
    found = problem(client.get(url(f"runs/?{query}")), 422, "invalid")
    assert list(found["fields"]) == [query.partition("=")[0]]


@pytest.fixture
def cursor(client, workspace, member):
    for key in "abc":
        invoke(workspace, actor=member, target="probe.look_up", inputs={"key": key})
    return client.get(url("runs/?limit=1")).json()["next"].rpartition("cursor=")[2]


def test_a_cursor_that_was_altered_is_refused(client, cursor):
    assert client.get(url(f"runs/?cursor={cursor}")).status_code == 200
    swapped = cursor[:-2] + ("a" if cursor[-2] != "a" else "b") + cursor[-1]
    for altered in (swapped, cursor[5:], "x", "MTIz:abc:def", cursor.replace("%3A", "."), "a" * 300):
        problem(client.get(url(f"runs/?cursor={altered}")), 400, "bad_cursor")


def test_the_cursor_of_another_list_is_refused(client, cursor):
    problem(client.get(url(f"installations/?cursor={cursor}")), 400, "bad_cursor")


def test_the_same_key_answers_again_and_does_nothing_again(client):
    first = send(client, "runs/", BODY, **{"Idempotency-Key": "k-1"})
    again = send(client, "runs/", BODY, **{"Idempotency-Key": "k-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (first.has_header("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (False, "true")
    assert Run.objects.count() == 1
    assert AuditEvent.objects.filter(action="run.requested").count() == 1


def test_the_same_key_with_another_body_is_refused(client):
    send(client, "runs/", BODY, **{"Idempotency-Key": "k-1"})
    other = BODY | {"inputs": {"key": "b"}}
    problem(send(client, "runs/", other, **{"Idempotency-Key": "k-1"}), 409, "idempotency_key_reused")
    run = Run.objects.get()
    problem(
        send(client, f"runs/{run.pk}/cancellation/", {}, **{"Idempotency-Key": "k-1"}), 409, "idempotency_key_reused"
    )


def test_a_refusal_keeps_no_key(client):
    problem(send(client, "runs/", BODY | {"inputs": {}}, **{"Idempotency-Key": "k-1"}), 422, "invalid")
    assert not KeptAnswer.objects.exists()
    assert send(client, "runs/", BODY, **{"Idempotency-Key": "k-1"}).status_code == 201


def test_a_key_is_its_callers_own(client, api, token_of, admin, agent):
    keys = {"Idempotency-Key": "k-1"}
    ids = {send(one, "runs/", BODY, **keys).json()["id"] for one in (client, api(token_of(admin)))}
    ids.add(send(api(token_of(admin, agent=agent)), "runs/", BODY, **keys).json()["id"])
    assert len(ids) == 3


@pytest.mark.parametrize("key", ["", "a" * 256, "k\u00e9y"])
def test_a_key_that_is_none_is_refused(client, key):
    headers = {"Idempotency-Key": key.encode().decode("latin-1")}
    found = problem(send(client, "runs/", BODY, **headers), 422, "invalid")
    assert list(found["fields"]) == ["Idempotency-Key"]


@pytest.mark.asvs("14.2.7")
def test_kept_answers_go_after_a_day(client):
    send(client, "runs/", BODY, **{"Idempotency-Key": "k-1"})
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(days=2))
    send(client, "runs/", BODY, **{"Idempotency-Key": "k-2"})
    assert [kept.key for kept in KeptAnswer.objects.all()] == ["k-2"]


def test_kept_answers_of_who_never_comes_back_go_as_well(client, workspace, other_workspace):
    moment = timezone.now() - KEPT_FOR
    with workspace_scope([workspace.pk, other_workspace.pk]):
        for place, (key, age) in itertools.product(
            [workspace, other_workspace], [("old", timedelta(seconds=1)), ("young", timedelta(minutes=-1))]
        ):
            KeptAnswer.objects.create(
                workspace=place, principal="person:gone", key=key, request_digest="0", created_at=moment - age
            )
        with workspace_scope():  # beat has none
            assert current_app.tasks[settings.CELERY_BEAT_SCHEDULE["delete-old-answers"]["task"]]() == 2
            assert delete_old_answers() == 0
        assert list(KeptAnswer.objects.values_list("key", flat=True)) == ["young", "young"]


@pytest.mark.parametrize(
    "rest",
    ["runs/not-an-id/", "nowhere/", "listings/UPPER/", "listings/%00/", "runs/../me/"],
)
def test_an_address_that_leads_nowhere_is_a_problem_too(client, rest):
    problem(client.get(url(rest)), 404, "not_found")


@pytest.mark.asvs("1.4.2")
def test_a_number_that_no_row_can_have_is_not_found(api, token_of, auditor):
    problem(api(token_of(auditor)).get(url("events/99999999999999999999/")), 404, "not_found")


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", ["/api/", "/api/v1/nowhere/", "/api/v2/me/", "/api/v1/workspaces/meridian/nowhere/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_an_unknown_address_is_a_problem_on_a_development_server_too(client, settings, debug, path, method):
    settings.DEBUG = debug
    response = client.generic(method, path, content_type="application/json")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    if method == "GET":
        assert "urlpatterns" not in str(problem(response, 404, "not_found"))


def test_what_head_answers_is_what_get_does_without_its_body(client):
    shown, head = client.get(url("runs/")), client.head(url("runs/"))
    assert (head.status_code, head["Content-Type"], head.content) == (200, "application/json", b"")
    assert shown["Content-Type"] == head["Content-Type"]
    assert client.head(url("runs/not-an-id/")).status_code == 404


@pytest.mark.asvs("4.1.4")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_no_other_method_is_taken(client, method):
    problem(client.generic(method, url("runs/")), 405, "method_not_allowed")


@pytest.mark.asvs("16.5.1")
@pytest.mark.parametrize("debug", [False, True])
def test_a_defect_is_a_problem_that_says_nothing(client, monkeypatch, settings, debug):
    from sandbox import api as sandbox_api

    settings.DEBUG = debug

    def break_down(*args, **options):
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(sandbox_api, "invoke", break_down)
    client.raise_request_exception = False
    response = send(client, "runs/", BODY)
    found = problem(response, 500, "internal_server_error")
    assert "hunter2" not in str(found)


def test_a_target_that_is_not_there(client):
    problem(send(client, "runs/", BODY | {"target": "probe.nothing"}), 404, "not_installed")
    problem(send(client, "runs/", BODY | {"target": "x" * 161}), 422, "invalid")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_two_at_the_same_moment_are_one(racers):
    """The second waits for the first, and gets its answer."""
    client, body, workspace = racers
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    from galaxy.core.scope import workspace_scope

    def call(_):
        try:
            return send(client(), "runs/", body, **{"Idempotency-Key": "race"}).json()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(call, range(4)))
    assert len({answer["id"] for answer in answers}) == 1, answers
    with workspace_scope([workspace.pk]):
        assert Run.objects.count() == 1


@pytest.fixture
def racers(cast, workspace, api, token_of, member, probe):
    text = token_of(member)
    return lambda: api(text), BODY, workspace
