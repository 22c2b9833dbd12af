"""The page that makes a fixture of a recorded run: who may, what it shows, what is downloaded, what the trail says."""

import base64
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.permissions import grant
from sandbox import fixture_page
from sandbox.fixture_review import review
from sandbox.sandboxd.client import Refused
from sandbox.services import fixtures
from tests.sandbox.test_run_pages_sandbox import execution, run  # noqa: F401  (a fixture)

EMAIL = "ada@example.com"
BODY = {"people": [{"email": EMAIL, "phone": "+1 415 555 2671", "access_token": "abcdefgh"}], "kind": "<b>list</b>"}


def heard(body=BODY, **more):
    return {
        "method": "GET", "url": "https://api.example.com/a", "status": 200, "headers": {"etag": "x"},
        "body": json.dumps(body),
    } | more  # fmt: skip


@pytest.fixture
def recorded(run, monkeypatch):  # noqa: F811
    """A run with a recording, and sandboxd's part done here on the exchanges of the list that is given back."""
    exchanges = [heard()]

    def ask(op, body, *, seconds):
        assert (op, body["sealed"]) == ("fixture", base64.b64encode(b"sealed").decode())
        return review({"exchanges": exchanges, "inputs": {}}, inputs={}, outputs={}, keep=body["keep"]).as_body()

    monkeypatch.setattr(fixtures, "ask", ask)
    execution(run, recording=b"sealed")
    return exchanges


@pytest.fixture
def url(workspace, run):  # noqa: F811
    return reverse("sandbox:run-fixture", args=[workspace.slug, run.pk])


def test_it_shows_each_exchange_masked_with_a_tick_for_each_place(client_of, admin, recorded, url):
    shown = client_of(admin).get(url).content.decode()
    for words in (
        "GET https://api.example.com/a",
        "a***@example.com",
        'value="1 body/people/0/email"',
        "3 places masked",
    ):
        assert words in shown, words
    assert EMAIL not in shown and "abcdefgh" not in shown and "checked" not in shown
    assert "<b>list</b>" not in shown and "&lt;b&gt;list" in shown
    assert 'value="1 body/people/0/access_token"' not in shown and "Secrets are in no fixture." in shown
    assert not AuditEvent.objects.filter(action="run.fixture_made").exists()


def test_the_file_holds_what_was_kept_and_the_trail_says_which_places(client_of, admin, recorded, url):
    response = client_of(admin).post(url, {"keep": ["1 body/people/0/email"]})
    assert response["Content-Disposition"] == 'attachment; filename="fixtures.json"'
    assert response["Content-Type"].startswith("application/json") and "no-store" in response["Cache-Control"]
    (person,) = json.loads(response.content)[0]["body"]["people"]
    assert person == {"email": EMAIL, "phone": "+* *** *** **71", "access_token": "***"}
    event = AuditEvent.objects.get(action="run.fixture_made")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert (fields["data.exchanges"], fields["data.masked"]) == (1, 2)
    assert fields["data.kept"] == ["1 body/people/0/email"]
    assert EMAIL not in json.dumps(fields)


def test_nothing_is_kept_without_a_tick(client_of, admin, recorded, url):
    assert EMAIL not in client_of(admin).post(url).content.decode()


def test_a_creator_makes_a_masked_one_of_their_own_run_and_may_keep_nothing(client_of, creator, run, recorded, url):  # noqa: F811
    assert client_of(creator).get(url).status_code == 404  # somebody else's run
    type(run).objects.filter(pk=run.pk).update(requested_by=creator)
    shown = client_of(creator).get(url).content.decode()
    assert 'name="keep"' not in shown and "Run extensions that write" in shown and "a***@example.com" in shown
    assert client_of(creator).post(url).status_code == 200
    assert client_of(creator).post(url, {"keep": ["1 body/people/0/email"]}).status_code == 403
    grant("registry.write_installation", creator, run.installation)
    assert client_of(creator).post(url, {"keep": ["1 body/people/0/email"]}).status_code == 200


def test_who_may_only_look_at_runs_is_told_why_not(client_of, auditor, run, recorded, url):  # noqa: F811
    assert client_of(auditor).get(url).status_code == client_of(auditor).post(url).status_code == 403
    shown = client_of(auditor).get(run.get_absolute_url()).content.decode()
    assert 'id="denied-fixture"' in shown and url not in shown


def test_the_run_leads_there_while_it_has_a_recording(client_of, admin, run, recorded, url):  # noqa: F811
    assert url in client_of(admin).get(run.get_absolute_url()).content.decode()
    run.executions.update(recording=None)
    assert url not in client_of(admin).get(run.get_absolute_url()).content.decode()
    response = client_of(admin).get(url)
    assert response.status_code == client_of(admin).post(url).status_code == 410
    assert "its time was over" in response.content.decode()


def test_a_run_that_asked_for_nothing_says_so(client_of, admin, recorded, url):
    recorded.clear()
    shown = client_of(admin).get(url).content.decode()
    assert "Nothing to make a fixture of" in shown and "Download" not in shown


def test_what_sandboxd_refuses_is_a_problem_with_a_way_on(client_of, admin, recorded, url, monkeypatch):
    def refuse(op, body, *, seconds):
        raise Refused("unknown_place", "1 of the places to keep are none of this run's.", "Open the page anew.")

    monkeypatch.setattr(fixtures, "ask", refuse)
    response = client_of(admin).post(url, {"keep": ["9 body"]})
    assert response.status_code == 422 and "Open the page anew." in response.content.decode()
    assert not AuditEvent.objects.filter(action="run.fixture_made").exists()


def test_long_bodies_and_lists_of_places_are_cut_and_say_so(client_of, admin, recorded, url, monkeypatch):
    monkeypatch.setattr(fixture_page, "MOST_PLACES", 2)
    recorded[:] = [heard({"mails": [f"a{n}@example.com" for n in range(2000)]})]
    shown = client_of(admin).get(url).content.decode()
    assert shown.count('name="keep"') == 2 and "1998 more places stay masked" in shown and "The body goes on" in shown


def test_its_queries_do_not_grow_with_exchanges(client_of, admin, recorded, url):
    client = client_of(admin)
    client.get(url)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(url)
    recorded.extend(heard() for _ in range(20))
    with CaptureQueriesContext(connection) as many:
        client.get(url)
    assert len(many) == len(few) <= 25, [query["sql"] for query in many]
