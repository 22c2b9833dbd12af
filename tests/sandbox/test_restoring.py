"""What is ended after a backup was restored, each as it may have been used or ended since the backup was made."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.members import grant_on
from galaxy.core.members.invitations import invite
from galaxy.core.models import Agent, AuditEvent, Invitation, Notification, RoleGroup, Token
from galaxy.core.restoring.closing import close_all, end_sessions
from galaxy.core.tokens import TokenRefused, caller_of, create_token
from policies.models import Approval
from policies.services.approvals import AlreadyDecided, ApprovalSpent, consume
from policies.services.granting import create_auto_approval
from registry.models import Connection
from sandbox.models import OutboxMessage, Run, Trigger
from sandbox.services import approval_was_decided, invoke, perform, settle_run
from sandbox.triggers.services import create_trigger, switch_on
from tests.approving import approve
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged
from tests.sandbox.test_take_over import lose_worker
from tests.sandbox.triggers.conftest import SCHEDULE


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
def live(probe):
    Connection.objects.filter(installation=probe).update(status="authenticated", generation=1)
    return probe


def call(workspace, actor, action="create", **more) -> Run:
    return invoke(workspace, actor=actor, target=f"probe.{action}", inputs={"key": "k"}, **more)


def how(run: Run) -> tuple[str, str]:
    run.refresh_from_db()
    return run.state, (run.error or {}).get("error_code", "")


def test_a_live_write_that_waited_is_unknown_and_a_person_settles_it(workspace, admin, member, live):
    grant_on(live, perm="registry.write_installation", user=member, actor=admin)
    run = call(workspace, member)
    done = close_all(workspace)
    assert done["runs whose effect is unknown"] == 1
    assert how(run) == ("unknown", "restored")
    assert perform(run.pk) is None
    assert not OutboxMessage.objects.exists()
    assert Notification.objects.filter(person=member, kind="run_unknown").count() == 1
    assert settle_run(run, actor=admin, happened=True, note="It stands there.").state == "succeeded"


@pytest.mark.parametrize("more", [{"simulate": True}, {"action": "look_up"}, {"dry": True}])
def test_what_changes_nothing_outside_has_failed(workspace, admin, live, more):
    run = call(workspace, admin, **more)
    assert close_all(workspace)["other runs"] == 1
    assert how(run) == ("failed", "restored")
    assert perform(run.pk) is None


def test_a_run_of_a_version_that_nobody_vouches_for_is_in_doubt_and_holds_up_nothing(workspace, admin, live):
    read, odd = call(workspace, admin, "look_up"), call(workspace, admin, "look_up")
    Run.objects.filter(pk=odd.pk).update(version_digest="0" * 64)
    close_all(workspace)
    assert (how(read), how(odd)) == (("failed", "restored"), ("unknown", "restored"))


def test_a_run_at_work_is_ended_whatever_its_lease(workspace, admin, live):
    run = call(workspace, admin)
    lose_worker(run, lease_until=timezone.now() + timedelta(minutes=5))
    close_all(workspace)
    assert how(run) == ("unknown", "restored")


def test_a_pack_is_ended_with_its_steps(workspace, admin, approver):
    pack = installed(workspace, admin, PROBE, TIDY, PACK)[-1]
    Connection.objects.update(status="authenticated", generation=1)
    inputs = {"name": "A", "on": "2026-01-02", "remove": True}
    run = invoke(workspace, actor=admin, target=pack.extension.slug, inputs=inputs, simulate=True)
    perform(run.pk)
    run.refresh_from_db()
    assert run.state == "waiting"
    close_all(workspace)
    assert how(run) == ("failed", "restored")
    assert {how(step) for step in run.steps.filter(step_id="drop")} == {("failed", "restored")}
    assert run.asked is None


def test_a_yes_that_nobody_had_used_can_not_be_used(workspace, admin, approver, live):
    run = call(workspace, admin, "remove")
    approval = approve(run.approval, approver)
    approval_was_decided(Approval.objects.get(pk=approval.pk))
    assert how(run)[0] == "queued"
    close_all(workspace)
    assert how(run) == ("unknown", "restored")
    with pytest.raises(ApprovalSpent):
        consume(approval, digest=approval.digest)
    assert AuditEvent.objects.filter(action="approval.voided", target_id=str(approval.pk)).count() == 1


def test_a_request_that_waited_can_not_be_answered(workspace, admin, approver, live):
    run = call(workspace, admin, "remove")
    close_all(workspace)
    assert how(run) == ("unknown", "restored")  # it may have been approved and done since
    with pytest.raises(AlreadyDecided):
        approve(run.approval, approver)


def test_an_auto_approval_of_which_nobody_knows_how_often_it_was_used_is_over(workspace, admin, probe):
    grant = create_auto_approval(
        workspace,
        installation=probe,
        scope="things.write",
        reason="Often",
        budget=5,
        ends_at=timezone.now() + timedelta(days=2),
        actor=admin,
    )
    assert close_all(workspace)["Auto-Approve grants"] == 1
    grant.refresh_from_db()
    assert (grant.ended_because, grant.holds(timezone.now())) == ("revoked", False)


def test_triggers_are_off_and_say_why(workspace, admin, probe):
    trigger, _ = create_trigger(workspace, actor=admin, kind="schedule", values=SCHEDULE)
    switch_on(trigger, actor=admin)
    assert close_all(workspace)["triggers"] == 1
    trigger.refresh_from_db()
    assert (trigger.is_on, trigger.next_at) == (False, None)
    assert trigger.paused_because.startswith("A backup was restored.")
    assert not Trigger.objects.in_workspace(workspace).on().exists()


@pytest.fixture
def agent(workspace, admin):
    return create_agent(
        workspace,
        name="Scout",
        purpose="Looks",
        owner=admin,
        scopes=[],
        grants=[],
        calls_per_day=10,
        ends_at=timezone.now() + timedelta(days=3),
        actor=admin,
    )


def test_agents_are_suspended_and_tokens_revoked(workspace, admin, member, agent):
    asked = {"permissions": ["runs.read"], "days": 3}
    _, of_person = create_token(workspace, name="Mine", actor=member, **asked)
    _, of_agent = create_token(workspace, name="Its", actor=admin, agent=agent, **asked)
    done = close_all(workspace)
    assert (done["agents"], done["tokens"]) == (1, 2)
    assert Agent.objects.get().state == "suspended"
    for text in (of_person, of_agent):
        with pytest.raises(TokenRefused):
            caller_of(text)


def test_tokens_may_be_kept_by_who_knows_that_none_was_revoked(workspace, member, agent):
    create_token(workspace, name="Mine", permissions=["runs.read"], days=3, actor=member)
    assert "tokens" not in close_all(workspace, keep_tokens=True)
    assert Token.objects.live().count() == 1


def test_an_invitation_opens_nothing(workspace, admin):
    role = RoleGroup.objects.in_workspace(workspace).get(role="member")
    invite(workspace, address="new@meridian.example", role=role, actor=admin)
    assert close_all(workspace)["invitations"] == 1
    assert Invitation.objects.get().withdrawn_at is not None


def test_tokens_of_connections_are_exchanged_at_once(workspace, live):
    later = timezone.now() + timedelta(hours=2)
    Connection.objects.filter(installation=live).update(next_refresh_at=later)
    assert close_all(workspace)["connections to renew"] == 1
    assert Connection.objects.get(installation=live).next_refresh_at <= timezone.now()


def test_everybody_signs_in_again(cast, client_of):
    client = client_of(cast["admin"])
    assert client.get("/").status_code == 302  # to a workspace
    assert client.get("/", follow=True).context["user"].is_authenticated
    assert end_sessions() == 1
    assert not Session.objects.exists()
    assert not client.get("/", follow=True).context["user"].is_authenticated


def test_it_can_be_done_twice(workspace, admin, live, agent):
    call(workspace, admin)
    close_all(workspace)
    assert not any(close_all(workspace).values())


def test_other_workspaces_are_left_alone(workspace, other_workspace, admin, live):
    run = call(workspace, admin)
    close_all(other_workspace)
    assert how(run) == ("queued", "")
