"""Agents: never more than their owner, stopped at once, within a budget, and named in the trail."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.agents import (
    AgentOver,
    NameUsed,
    change_agent,
    create_agent,
    end_agent,
    grants_of,
    person_left,
    resume_agent,
    suspend_agent,
)
from galaxy.core.audit.reading import details_of, view_of
from galaxy.core.errors import Invalid
from galaxy.core.members import add_member, grant_on
from galaxy.core.members.limits import AboveYou
from galaxy.core.members.people import remove_member
from galaxy.core.members.roles import create_role
from galaxy.core.models import AuditEvent, HistoryRow, Membership, Notification, Token
from galaxy.core.permissions import NotGranted, revoke
from galaxy.core.tokens import TokenRefused, caller_of, create_token, revoke_token
from policies.services.approvals import SelfApproval
from policies.services.reviewers import asked_of
from sandbox.models import Run
from sandbox.services import invoke, perform
from tests.approving import approve
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.factories import make_user
from tests.playhouse import staged

READ, WRITE = "registry.run_installation", "registry.write_installation"
SCOPES = ["things.delete", "things.read", "things.write"]


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
def make(workspace, admin, probe):
    """``make(owner, **facts)``: an agent that may read and write "probe"."""

    def make(owner, **facts):
        given = {"name": "Lead agent", "purpose": "Follows up.", "scopes": SCOPES, "calls_per_day": 100}
        given |= {"grants": [(probe, READ), (probe, WRITE)], "ends_at": in_days(30), "actor": admin}
        return create_agent(workspace, owner=owner, **(given | facts))

    return make


def in_days(days: int):
    return timezone.now() + timedelta(days=days)


def facts_of(agent, **changes) -> dict:
    names = ("name", "purpose", "owner", "scopes", "calls_per_day", "ends_at")
    return {name: getattr(agent, name) for name in names} | {"grants": grants_of(agent)} | changes


def asked(workspace, agent, target="probe.look_up", **options) -> Run:
    options.setdefault("inputs", {"key": "k"})
    return invoke(workspace, actor=agent.owner, agent=agent, target=target, **options)


def refusal(run: Run) -> str:
    return run.error["error_code"]


def test_its_acts_are_a_chain_of_person_agent_version_and_call(workspace, make, admin):
    agent = make(admin)
    run = perform(asked(workspace, agent).pk)
    assert (run.state, run.agent, run.requested_by) == ("succeeded", agent, admin)
    done = AuditEvent.objects.get(action="run.succeeded")
    assert (done.actor_kind, done.actor_id) == ("agent", str(agent.pk))
    view = view_of(done)
    assert [link["kind"] for link in view.chain] == ["person", "agent", "call"]
    assert (view.row.actor, view.row.on_behalf, view.broken) == ("Lead agent", str(admin), [])
    assert run.decision.input["principal"]["kind"] == "agent"
    assert run.decision.input["context"]["caller"] == "agent"


def test_a_step_names_person_agent_version_and_call(workspace, make, admin):
    tidy, pack = installed(workspace, admin, TIDY, PACK)
    agent = make(admin, grants=[(row, READ) for row in (tidy, pack)])
    probe = pack.__class__.objects.get(extension__slug="probe")
    given = [(tidy, READ), (pack, READ), (probe, READ), (probe, WRITE)]
    change_agent(agent, **facts_of(agent, grants=given), actor=admin)
    run = perform(asked(workspace, agent, "probe.flow", inputs={"name": "A", "on": "2026-01-02"}).pk)
    assert run.state == "succeeded", run.error
    assert {step.agent for step in run.steps.all()} == {agent}
    step = AuditEvent.objects.filter(action="run.succeeded", target_id=str(run.steps.first().pk)).get()
    assert [link["kind"] for link in view_of(step).chain] == ["person", "agent", "version", "call"]


@pytest.mark.asvs("8.3.3")
def test_it_can_never_do_what_its_owner_may_not(workspace, make, member, admin, probe):
    """The agent holds the grant to write; its owner, a plain member, does not."""
    agent = make(member)
    assert refusal(asked(workspace, agent, "probe.create")) == "write_grant_missing"
    assert asked(workspace, agent, "probe.look_up").state == "queued"
    grant_on(probe, perm=WRITE, user=member, actor=admin)
    assert asked(workspace, agent, "probe.create").state == "queued"


@pytest.mark.asvs("8.3.3")
def test_it_can_never_do_what_it_was_not_given_itself(workspace, make, admin, probe):
    agent = make(admin, grants=[(probe, READ)])
    assert refusal(asked(workspace, agent, "probe.create")) == "write_grant_missing"
    change_agent(agent, **facts_of(agent, grants=[]), actor=admin)
    assert refusal(asked(workspace, agent, "probe.look_up")) == "run_permission_missing"


def test_it_uses_the_scopes_it_was_given(workspace, make, admin):
    agent = make(admin, scopes=["things.read"])
    assert asked(workspace, agent).state == "queued"
    refused = asked(workspace, agent, "probe.create")
    assert (refusal(refused), refused.error_category) == ("agent_scope_missing", "policy_block")


def test_a_suspended_agent_is_refused_and_so_is_what_waits(workspace, make, admin):
    agent = make(admin)
    waiting = asked(workspace, agent)
    suspend_agent(agent, actor=admin)
    assert refusal(asked(workspace, agent)) == "agent_barred"
    assert perform(waiting.pk) is None
    waiting.refresh_from_db()
    assert (waiting.state, refusal(waiting)) == ("failed", "agent_barred")
    resume_agent(agent, actor=admin)
    assert asked(workspace, agent).state == "queued"
    events = AuditEvent.objects.filter(action__startswith="agent.").order_by("id")
    assert [event.action for event in events] == ["agent.created", "agent.suspended", "agent.resumed"]


def test_a_pack_stops_at_the_step_after_its_agent_was_suspended(workspace, make, admin, probe, monkeypatch):
    tidy, pack = installed(workspace, admin, TIDY, PACK)
    agent = make(admin, grants=[(tidy, READ), (pack, READ), (probe, READ), (probe, WRITE)])
    run = asked(workspace, agent, "probe.flow", inputs={"name": "A", "on": "2026-01-02"})
    from sandbox.packs import steps

    begin = steps.invoke_step

    def suspend_before_the_second_step(pack_run, wanted):
        if wanted.step_id == "make":
            suspend_agent(agent, actor=admin)
        return begin(pack_run, wanted)

    monkeypatch.setattr(steps, "invoke_step", suspend_before_the_second_step)
    run = perform(run.pk)
    assert (run.state, refusal(run)) == ("failed", "agent_barred")
    assert [step.state for step in run.steps.order_by("created_at")] == ["succeeded", "failed"]


def test_an_agent_ends_on_its_day(workspace, make, admin):
    agent = make(admin)
    agent.__class__.objects.filter(pk=agent.pk).update(ends_at=timezone.now())
    assert refusal(asked(workspace, agent)) == "agent_barred"


def test_an_agent_whose_owner_left_is_refused_and_stays_suspended(workspace, make, member, admin):
    agent = make(member)
    Membership.objects.filter(user=member).delete()
    assert refusal(asked(workspace, agent)) == "agent_barred"
    person_left(workspace, user=member, actor=admin)
    Membership.objects.create(workspace=workspace, user=member, role="member")
    agent.refresh_from_db()
    assert agent.state == "suspended"


def test_an_agent_given_to_another_owner_does_not_finish_the_first_ones_runs(workspace, make, member, admin):
    agent = make(member)
    waiting = asked(workspace, agent)
    change_agent(agent, **facts_of(agent, owner=admin), actor=admin)
    assert perform(waiting.pk) is None
    waiting.refresh_from_db()
    assert refusal(waiting) == "run_permission_missing"


@pytest.mark.asvs("2.3.2", "2.4.1")
def test_its_budget_of_the_day_is_a_quota(workspace, make, admin):
    agent = make(admin, calls_per_day=2)
    suspend_agent(agent, actor=admin)
    asked(workspace, agent)  # refused by policy: no call
    resume_agent(agent, actor=admin)
    states = [asked(workspace, agent).state for _ in range(2)]
    refused = asked(workspace, agent)
    assert states == ["queued", "queued"]
    assert (refused.state, refused.error_category, refusal(refused)) == ("failed", "quota", "agent_budget_spent")
    Run.objects.filter(agent=agent).update(created_at=timezone.now() - timedelta(days=1))
    assert asked(workspace, agent).state == "queued"


def test_the_owner_of_an_agent_does_not_approve_what_it_asked(workspace, make, admin, owner):
    run = asked(workspace, make(admin), "probe.remove")
    approval = run.approval
    assert (run.state, approval.facts["agent"]) == ("waiting", "Lead agent")
    with pytest.raises(SelfApproval):
        approve(approval, admin)
    approve(approval, owner)
    run.refresh_from_db()
    Run.objects.filter(pk=run.pk).update(state="queued")
    assert perform(run.pk).state == "succeeded"


def test_whoever_holds_a_key_of_an_agent_does_not_approve_what_it_asked(workspace, make, admin, owner, approver):
    """The admin made a token of the owner's agent and saw its text, so the call may have been theirs."""
    agent = make(owner)
    approval = asked(workspace, agent, "probe.remove").approval
    assert approval in asked_of(admin, workspace)
    token, _ = create_token(workspace, name="T", permissions=["runs.write"], days=1, actor=admin, agent=agent)
    revoke_token(token, actor=owner)  # after it was used, perhaps
    assert approval not in asked_of(admin, workspace) and approval in asked_of(approver, workspace)
    with pytest.raises(SelfApproval, match="token of this agent"):
        approve(approval, admin)
    approve(approval, approver)


def test_whoever_holds_a_key_of_an_agent_is_not_asked_to_approve(workspace, make, admin, owner, approver):
    agent = make(owner)
    create_token(workspace, name="T", permissions=["runs.write"], days=1, actor=admin, agent=agent)
    approval = asked(workspace, agent, "probe.remove").approval
    told = Notification.objects.filter(kind="approval_asked", target_id=approval.pk)
    assert [row.person for row in told.select_related("person")] == [approver]


def test_holding_a_key_of_one_agent_bars_from_nothing_else(workspace, make, admin, owner, creator):
    create_token(workspace, name="T", permissions=["runs.write"], days=1, actor=admin, agent=make(owner))
    other = asked(workspace, make(owner, name="Other agent"), "probe.remove").approval
    own = invoke(workspace, actor=owner, target="probe.remove", inputs={"key": "k"}).approval
    assert {other, own} <= set(asked_of(admin, workspace))
    approve(other, admin)


def test_whoever_leaves_takes_no_key_of_an_agent_along(workspace, make, admin, owner):
    agent = make(owner)
    _, text = create_token(workspace, name="T", permissions=["runs.read"], days=1, actor=admin, agent=agent)
    kept, _ = create_token(workspace, name="Kept", permissions=["runs.read"], days=1, actor=owner, agent=agent)
    remove_member(Membership.objects.get(user=admin), actor=owner)
    with pytest.raises(TokenRefused, match="revoked"):
        caller_of(text)
    agent.refresh_from_db()
    kept.refresh_from_db()
    assert (agent.state, kept.state) == ("active", "active")


@pytest.fixture
def keeper(workspace, owner):
    """Somebody who manages agents and may otherwise look."""
    permissions = {"manage_agent", "view_installation", "run_installation"}
    role = create_role(workspace, name="Keeper", permissions=permissions, actor=owner)
    user = make_user("Keeper")
    add_member(workspace, user=user, role=role, actor=owner)
    return user


def test_nobody_makes_a_key_to_more_than_they_hold(workspace, make, owner, keeper, probe):
    """The agent may write, and who keeps the agents may not: its token would be a way round that."""
    with pytest.raises(AboveYou, match="Run extensions that write"):
        create_token(workspace, name="T", permissions=["runs.write"], days=1, actor=keeper, agent=make(owner))
    reader = make(owner, name="Reader", grants=[(probe, READ)])
    create_token(workspace, name="T", permissions=["runs.write"], days=1, actor=keeper, agent=reader)


def test_nobody_widens_an_agent_that_holds_more_than_they(workspace, make, owner, keeper, probe):
    agent = make(owner, scopes=["things.read"])
    with pytest.raises(Invalid, match="do not hold"):
        change_agent(agent, **facts_of(agent, scopes=SCOPES), actor=keeper)
    suspend_agent(agent, actor=keeper)  # stopping is always allowed
    change_agent(agent, **facts_of(agent, grants=[(probe, READ)], scopes=SCOPES), actor=keeper)
    assert grants_of(agent) == [(probe, READ)]


def test_the_same_key_of_the_owner_is_not_the_agents(workspace, make, admin):
    from sandbox.errors import KeyReused

    agent = make(admin)
    asked(workspace, agent, idempotency_key="k1")
    with pytest.raises(KeyReused):
        invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"}, idempotency_key="k1")


def test_ending_revokes_its_tokens_and_takes_its_grants(workspace, make, admin):
    agent = make(admin)
    create_token(workspace, name="T", permissions=["runs.read"], days=1, actor=admin, agent=agent)
    end_agent(agent, actor=admin)
    agent.refresh_from_db()
    assert (agent.state, grants_of(agent), Token.objects.live().count()) == ("ended", [], 0)
    with pytest.raises(AgentOver):
        resume_agent(agent, actor=admin)
    with pytest.raises(AgentOver):
        create_token(workspace, name="T", permissions=["runs.read"], days=1, actor=admin, agent=agent)


@pytest.mark.parametrize("role", ["approver", "creator", "auditor", "member"])
def test_only_who_manages_agents_does(role, cast, workspace, make, admin):
    agent = make(admin)
    with pytest.raises(NotGranted):
        make(admin, name="Other", actor=cast[role])
    for act in (suspend_agent, resume_agent, end_agent):
        with pytest.raises(NotGranted):
            act(agent, actor=cast[role])
    with pytest.raises(NotGranted):
        create_token(workspace, name="T", permissions=["runs.read"], days=1, actor=cast[role], agent=agent)


def test_what_an_agent_is_not_made_of(workspace, make, admin, stranger):
    with pytest.raises(Invalid, match="owner"):
        make(stranger)
    for days in (-1, 400):
        with pytest.raises(Invalid, match="within a year"):
            make(admin, ends_at=in_days(days))
    for calls in (0, 10**9):
        with pytest.raises(Invalid, match="budget"):
            make(admin, calls_per_day=calls)
    make(admin)
    with pytest.raises(NameUsed):
        make(admin)


def test_nobody_gives_an_agent_what_they_do_not_hold(workspace, make, admin, probe):
    from django.contrib.auth.models import Group

    from galaxy.core.models import RoleGroup

    group = Group.objects.get(pk=RoleGroup.objects.get(role="admin").group_id)
    revoke("core.write_installation", group, workspace)
    with pytest.raises(Invalid, match="do not hold"):
        make(admin)


def test_the_token_of_an_agent_opens_less_than_a_persons(workspace, make, admin):
    agent = make(admin)
    for permission in ("approvals.decide", "installations.write", "audit.read"):
        with pytest.raises(Invalid):
            create_token(workspace, name="T", permissions=[permission], days=1, actor=admin, agent=agent)


def test_every_state_of_an_agent_and_its_grants_is_kept(make, admin):
    agent = make(admin)
    rows = HistoryRow.objects.filter(kind="core_agent", row_id=str(agent.pk))
    assert [row.row["name"] for row in rows] == ["Lead agent"]
    grants = HistoryRow.objects.filter(kind="guardian_groupobjectpermission", row__group_id=agent.group_id)
    assert grants.count() == 2


def test_its_events_are_found_by_its_name(client_of, workspace, make, admin):
    agent = make(admin)
    perform(asked(workspace, agent).pk)
    page = client_of(admin).get("/w/meridian/audit/?actor=lead").content.decode()
    assert "Run succeeded" in page
    assert f"for {admin}" in page
    rows = details_of(AuditEvent.objects.filter(actor_id=str(agent.pk)), workspace)
    assert {row.actor for row in rows} == {"Lead agent"}
