"""What filters mean, how events ended, views that are kept, and that an index answers each filter behind the wall."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.audit import Actor
from galaxy.core.audit.outcomes import outcome_of
from galaxy.core.audit.search import described, matching
from galaxy.core.audit_forms import filters_in
from galaxy.core.models import AuditEvent, SavedView

ACTIONS = ("box.opened", "box.viewed", "box.rejected", "box.refresh_failed", "box.simulated_one")


@pytest.fixture
def events(workspace, write, owner):
    for action in ACTIONS:
        write(action, simulated=action == "box.simulated_one")
    write("box.moved", actor=Actor.of(owner).through("agent", "a1", "Research agent"))


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"outcome": "done"}, {"opened", "viewed", "moved"}),
        ({"outcome": "refused"}, {"rejected"}),
        ({"outcome": "failed"}, {"refresh_failed"}),
        ({"outcome": "simulated"}, {"simulated_one"}),
        ({"show": "key"}, {"opened", "rejected", "refresh_failed", "simulated_one", "moved"}),
        ({"agent": "a1"}, {"moved"}),
        ({"agent": "a2"}, set()),
        ({"outcome": "refused", "show": "key", "action": "box."}, {"rejected"}),
        ({"since": "2000-01-01", "until": "2000-01-31"}, set()),
    ],
)
def test_filters(workspace, events, filters, found):
    actions = matching(workspace, {"action": "box."} | filters).values_list("action", flat=True)
    assert {action.removeprefix("box.") for action in actions} == found


def test_a_filter_that_is_none_is_an_error_and_none_at_all_is_everything(workspace, events):
    with pytest.raises(KeyError):
        matching(workspace, {"colour": "red"})
    assert matching(workspace, {}).count() == AuditEvent.objects.count()


def test_outcomes_are_read_off_the_last_word():
    for action, outcome in (
        ("run.failed", "failed"),
        ("run.unknown", "failed"),
        ("connection.refresh_failed", "failed"),
        ("approval.rejected", "refused"),
        ("approval.expired", "refused"),
        ("run.succeeded", "done"),
    ):
        assert outcome_of(action, simulated=False) == outcome
        assert outcome_of(action, simulated=True) == "simulated"


def test_filters_are_said_in_words():
    assert (
        described({"action": "box.", "show": "key", "since": "2026-11-01"})
        == "event box, only key events, from 2026-11-01"
    )
    assert described({}) == ""


def test_filters_of_an_address_are_those_of_the_form():
    assert filters_in("outcome=refused&before=1-1&x=%00&action=box.") == {
        "outcome": "refused",
        "action": "box.",
    }
    assert filters_in("outcome=good") is None and filters_in("since=1") is None
    assert filters_in("") == {}


# --- Indexes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "condition", "index"),
    [
        ({"target": "x"}, '"target_id" = ', "workspace_id, target_id, occurred_at DESC"),
        ({"request_id": "x"}, '"request_id" = ', "workspace_id, request_id"),
        ({"agent": "x"}, '"actor_id" = ', "workspace_id, actor_id, occurred_at DESC"),
        ({"action": "box."}, '"action" ~>=~ ', "workspace_id, action varchar_pattern_ops, occurred_at DESC"),
        ({"since": "2026-11-01"}, '"occurred_at" >= ', "workspace_id, occurred_at DESC, id DESC"),
        ({"mode": "simulated"}, '"simulated"', "workspace_id, occurred_at DESC, id DESC) WHERE simulated"),
    ],
)
def test_each_filter_asks_what_an_index_answers(workspace, filters, condition, index):
    """That PostgreSQL then uses it, over a million events, bench/trail.py says: a table of ten rows has no plan."""
    assert condition in str(matching(workspace, filters).query)
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'core_auditevent'")
        assert any(index in definition for (definition,) in cursor.fetchall())


# --- The page ---------------------------------------------------------------------------------------------------------


def url(name, workspace, *args):
    return reverse(f"core:{name}", args=[workspace.slug, *args])


def test_the_list_shows_how_events_ended_and_offers_agents_and_exports(client_of, auditor, owner, workspace, events):
    until = timezone.now() + timedelta(days=30)
    facts = {"purpose": "P", "scopes": [], "grants": [], "calls_per_day": 5, "ends_at": until}
    create_agent(workspace, name="Outreach", owner=owner, actor=owner, **facts)
    text = client_of(auditor).get(url("audit-list", workspace), {"action": "box."}).text
    for word in ("Rejected", "Failed", "Simulated", "Done", "Outreach", "Key events"):
        assert word in text
    assert f"{url('export-list', workspace)}?action=box." in text and "Export these…" in text


def test_views_are_kept_opened_renamed_and_deleted(client_of, auditor, workspace, events):
    client = client_of(auditor)
    query = urlencode({"action": "box.", "outcome": "refused"})
    kept = client.post(url("audit-view-list", workspace), {"name": "Refused", "query": f"{query}&before=1-1"})
    assert kept["Location"] == f"{url('audit-list', workspace)}?{query}"
    page = client.get(kept["Location"])
    assert [row.event.action for row in page.context["rows"]] == ["box.rejected"]
    assert 'aria-current="page">Refused</a>' in page.text
    view = SavedView.objects.get()
    change = url("audit-view-change", workspace, view.pk)
    assert client.post(change, {"name": "No"}).status_code == 302
    assert client.post(change, {"name": ""}).status_code == 422
    assert client.post(url("audit-view-list", workspace), {"name": "No", "query": ""}).status_code == 422
    wrong = client.post(url("audit-view-list", workspace), {"name": "Other", "query": "outcome=good"})
    assert wrong.status_code == 422 and "cannot be used" in wrong.text and SavedView.objects.count() == 1
    assert "No</a>" in client.get(url("audit-view-list", workspace)).text
    assert client.post(url("audit-view-removal", workspace, view.pk)).status_code == 302
    assert (
        not SavedView.objects.exists() and "You keep no views yet" in client.get(url("audit-view-list", workspace)).text
    )


def test_a_view_is_its_owners_alone(client_of, auditor, admin, workspace, events):
    client_of(auditor).post(url("audit-view-list", workspace), {"name": "Mine", "query": ""})
    view = SavedView.objects.get()
    assert "Mine" not in client_of(admin).get(url("audit-list", workspace)).text
    assert client_of(admin).post(url("audit-view-change", workspace, view.pk), {"name": "Yours"}).status_code == 404
