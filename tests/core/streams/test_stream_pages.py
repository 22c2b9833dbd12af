"""The pages of audit streams, as admins and auditors meet them."""

import pytest
from django.urls import reverse

from galaxy.core.audit.streams.services import create_sink
from galaxy.core.models import AuditSink
from tests.core.streams.conftest import HOST
from tests.core.test_reauthentication import make_old


def page(name, *args):
    return reverse(f"core:sink-{name}", args=["meridian", *args])


@pytest.fixture
def sink(workspace, admin):
    facts = {"kind": "syslog", "address": HOST, "actions": "run.", "from_start": True}
    return create_sink(workspace, name="<b>Logs</b>", actor=admin, **facts)[0]


def test_before_there_is_one_the_list_says_what_it_is_for(client_of, workspace, admin, auditor):
    assert "No streams yet" in client_of(admin).get(page("list")).text
    assert "Set how long records are kept and where they are streamed" in client_of(auditor).get(page("list")).text


def test_a_webhook_is_made_and_its_key_shown_once(client_of, workspace, vault, admin):
    sent = {"name": "SIEM", "kind": "webhook", "address": f"https://{HOST}/in", "actions": "", "from_start": "now"}
    client = client_of(admin)
    answer = client.post(page("create"), sent)
    assert answer.status_code == 200
    assert "whsec_" in answer.text
    assert answer["Cache-Control"].find("no-store") >= 0
    sink = AuditSink.objects.get()
    assert sink.cursor == 0, "nothing is sealed yet, so now is the first leaf"
    assert "whsec_" not in client.get(sink.get_absolute_url()).text


def test_it_asks_for_the_password_first(client_of, workspace, admin):
    sent = {"name": "SIEM", "kind": "syslog", "address": HOST, "actions": "", "from_start": "now"}
    client = client_of(admin)
    make_old(client)
    answer = client.post(page("create"), sent)
    assert "/account/" in answer["Location"]
    assert not AuditSink.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"address": "https://10.0.0.1/"}, "address"),
        ({"address": "http://siem.example.com/"}, "Only https leaves Galaxy"),
        ({"actions": "Run!"}, "Small letters, digits"),
        ({"name": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_kept(client_of, workspace, vault, admin, wrong, words):
    sent = {"name": "SIEM", "kind": "webhook", "address": f"https://{HOST}/", "actions": "", "from_start": "now"}
    answer = client_of(admin).post(page("create"), sent | wrong)
    assert answer.status_code == 422
    assert words in answer.text


def test_a_vault_that_is_closed_says_what_to_start(client_of, workspace, admin):
    assert "The vault is closed" in client_of(admin).get(page("create")).text


@pytest.mark.asvs("1.2.1")
def test_names_are_escaped(client_of, workspace, sink, auditor):
    for url in (page("list"), page("detail", sink.pk)):
        shown = client_of(auditor).get(url).text
        assert "<b>Logs</b>" not in shown
        assert "&lt;b&gt;Logs&lt;/b&gt;" in shown


def test_paused_resumed_and_removed(client_of, workspace, sink, admin):
    client = client_of(admin)
    assert "is paused" in client.post(page("pause", sink.pk), follow=True).text
    sink.refresh_from_db()
    assert sink.state == "paused"
    assert "goes on" in client.post(page("resumption", sink.pk), follow=True).text
    client.post(page("removal", sink.pk))
    assert client.get(page("detail", sink.pk)).status_code == 404


def test_a_leaf_that_there_is_not_is_refused_beside_the_field(client_of, workspace, sink, admin):
    answer = client_of(admin).post(page("replay", sink.pk), {"cursor": "99"})
    assert answer.status_code == 422
    assert "Write a number from 0 to 0" in answer.text


def test_what_stands_in_the_way_is_said(client_of, workspace, sink, auditor):
    sink.failing_since, sink.failures, sink.last_error = sink.created_at, 3, f"{HOST} answered 503."
    sink.save()
    shown = client_of(auditor).get(page("detail", sink.pk)).text
    assert f"{HOST} answered 503." in shown
    assert "Tried 3 times" in shown


def test_the_list_asks_as_much_for_many_as_for_one(
    client_of, workspace, sink, admin, auditor, django_assert_max_num_queries
):
    client = client_of(auditor)
    client.get(page("list"))
    api = "/api/v1/workspaces/meridian/audit-streams/"
    with django_assert_max_num_queries(40) as one:
        client.get(page("list"))
    with django_assert_max_num_queries(40) as one_by_api:
        assert len(client.get(api).json()["results"]) == 1
    for number in range(10):
        facts = {"kind": "syslog", "address": HOST, "actions": "", "from_start": True}
        create_sink(workspace, name=f"Logs {number}", actor=admin, **facts)
    with django_assert_max_num_queries(len(one)):
        client.get(page("list"))
    with django_assert_max_num_queries(len(one_by_api)):
        assert len(client.get(api).json()["results"]) == 11
