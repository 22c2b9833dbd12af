"""``make demo``: the main job in the terminal, with a real worker, and a failure where a step fails."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from galaxy.core.members import scope_of
from galaxy.core.models import Agent, AuditEvent, User, Workspace
from galaxy.core.scope import workspace_scope
from policies.services.rules import create_rule
from sandbox.models import GoldenNight, Outcome, Run, Trigger, TriggerDelivery
from tests.workers import Workers

TRANSACTIONAL = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def demo(transactional_db, monkeypatch):
    """``demo()`` runs the command on the test database and returns what it printed."""
    for name, value in Workers().env.items():
        monkeypatch.setenv(name, value)

    def run() -> str:
        out = StringIO()
        call_command("demo", stdout=out)
        return out.getvalue()

    return run


@TRANSACTIONAL
def test_it_installs_runs_and_reads_the_trail_and_can_be_done_twice(demo):
    call_command("load_catalog", stdout=StringIO())
    call_command("seed_demo", stdout=StringIO())
    first = demo()
    assert "HubSpot is installed, pinned to 1.4.0" in first
    assert "outcome lead_followed_up reached, simulated and so not counted" in first
    assert "outcome customer_onboarded reached, simulated and so not counted" in first
    assert "outcome invoices_chased reached, simulated and so not counted" in first
    for title in ("The sample of the manifest", "From abroad, without a company", "Only a name and a day"):
        assert any(title in line and line.endswith("outcome reached") for line in first.splitlines())
    assert "Move a file to the bin in Google Drive: asked of Meridian Sales, and taken back" in first
    assert "4 packs do on samples what was accepted of them, simulated" in first
    assert first.rstrip().endswith("All 16 steps done.")
    second = demo()
    assert "HubSpot was installed before" in second
    with workspace_scope([_meridian()]):
        assert list(Outcome.objects.values_list("is_success", "is_simulated")) == [(True, True)] * 6
    _ask_about("slack.post_message")
    with pytest.raises(CommandError, match=r"Step 5 failed\. It waits for somebody's yes, since a rule of Meridian"):
        demo()
    with workspace_scope([_meridian()]):
        assert not Run.objects.filter(state=Run.State.WAITING).exists(), "it is taken back"


@TRANSACTIONAL
def test_it_fails_at_the_step_that_cannot_be_done(demo):
    call_command("seed_demo", stdout=StringIO())
    with pytest.raises(CommandError, match=r"Step 1 failed. The marketplace is empty."):
        demo()


@TRANSACTIONAL
def test_without_demo_people_it_says_what_to_do(demo):
    with pytest.raises(CommandError, match="prepare"):
        demo()


def _ask_about(action: str) -> None:
    admin = User.objects.get(email="admin@demo.example")
    with scope_of(admin):
        workspace = Workspace.objects.get(slug="meridian")
        create_rule(
            workspace,
            actor=admin,
            values={
                "title": "Slack is asked about",
                "effect": "require_approval",
                "what": {"actions": [action]},
                "ask": {"reviewers": "approvers", "needed": 1, "expires_h": 1},
            },
            reason="To see it wait",
            seen=workspace.policy_version,
            confirmed=True,
        )


def _meridian():
    with scope_of(User.objects.get(email="admin@demo.example")):
        return Workspace.objects.get(slug="meridian").pk


@TRANSACTIONAL
def test_the_demo_has_an_agent_at_work_golden_nights_and_triggers_and_makes_each_once(transactional_db):
    for command in ("load_catalog", "seed_demo"):
        call_command(command, stdout=StringIO())
    for check in (_check_agents, _check_golden_nights, _check_triggers):
        check()


def _check_agents():
    """One is at work, and one was stopped."""
    assert _seeded_twice("seed_agents") == "Demo agents ready, 0 of them new.\n"
    admin = User.objects.get(email="admin@demo.example")
    with scope_of(admin):
        working, stopped = Agent.objects.order_by("-name")
        assert (working.name, working.state) == ("Page librarian", "active")
        assert (stopped.name, stopped.state) == ("Page importer", "suspended")
        assert working.tokens.get().last_used_at is not None
        states = list(Run.objects.filter(agent=working).order_by("created_at").values_list("state", "error_category"))
        assert states == [("succeeded", ""), ("succeeded", ""), ("failed", "policy_block")]
        chain = Run.objects.filter(agent=working).first().chain
        events = AuditEvent.objects.filter(actor_id=str(working.pk)).count()
        address = working.get_absolute_url()
    assert [link["kind"] for link in chain] == ["person", "agent"]
    assert events >= 3
    client = Client()
    client.force_login(admin, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get(address).content.decode()
    assert "notion.search" in page and "Page librarian" in page


def _check_golden_nights():
    assert _seeded_twice("seed_golden") == "Demo golden flow ready, 0 nights new.\n"
    with workspace_scope([_meridian()]):
        nights = list(GoldenNight.objects.order_by("night"))
        assert [night.is_well for night in nights] == [True] * 4
        assert [night.is_first for night in nights] == [True, False, False, False]


def _check_triggers():
    """At a webhook something came in, and a schedule is off."""
    assert _seeded_twice("seed_triggers") == "Demo triggers ready, 0 of them new.\n"
    admin = User.objects.get(email="admin@demo.example")
    with workspace_scope([_meridian()]):
        webhook, schedule = Trigger.objects.order_by("name").select_related("workspace")
        assert [(one.kind, one.state, one.simulates) for one in (webhook, schedule)] == [
            ("webhook", "on", True), ("schedule", "off", True),
        ]  # fmt: skip
        became = TriggerDelivery.objects.order_by("event_id").values_list("firing__run__state", "was_merged")
        assert list(became) == [
            ("succeeded", False), ("succeeded", False), ("succeeded", True), (None, False), ("succeeded", False),
        ]  # fmt: skip
        assert not Run.objects.filter(trigger=webhook).exclude(mode="simulated").exists()
        addresses = [webhook.get_absolute_url(), f"{webhook.get_absolute_url()}deliveries/"]
        addresses.append(schedule.get_absolute_url())
    client = Client()
    client.force_login(admin, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert [client.get(one).status_code for one in addresses] == [200, 200, 200]


def _seeded_twice(command: str) -> str:
    """What ``command`` says the second time."""
    call_command(command, stdout=StringIO())
    out = StringIO()
    call_command(command, stdout=out)
    return out.getvalue()
