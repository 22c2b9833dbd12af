"""Deciding by votes: enough different people of every stage, each far enough from the matter, and one no ends it."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from galaxy.core.members.people import change_role, remove_member
from galaxy.core.members.roles import create_role
from galaxy.core.models import AuditDetail, AuditEvent, Membership, Notification, RoleGroup, Token
from galaxy.core.permissions import NotGranted, grant, remember_grants, revoke
from galaxy.core.tokens import create_token
from policies.models import Approval, ApproverGroup, ApproverGroupMember, Delegation, Vote
from policies.rules.asks import Ask, Stage
from policies.services import voting
from policies.services.approvals import (
    AlreadyVoted,
    ApprovalExpired,
    NotAsked,
    SelfApproval,
    asked_of,
    decide_approval,
    open_stage,
    reviewers_of,
    seat_of,
    standing_of,
    why_not_yours,
)
from tests.extensions import PROBE, TIDY, installed
from tests.factories import make_members, make_people


@pytest.fixture
def people(workspace, owner):
    """Ada, Bo and Cy: members whose role decides nothing."""
    found = make_people("Ada", "Bo", "Cy")
    for person in found:
        make_members(workspace, {"member": person}, actor=owner)
    return found


@pytest.fixture
def sales(workspace, owner, people):
    """The group Sales-Ops, in which are Ada and Bo."""
    group = ApproverGroup.objects.create(workspace=workspace, name="Sales-Ops", created_by=owner)
    for person in people[:2]:
        ApproverGroupMember.objects.create(workspace=workspace, group=group, user=person, added_by=owner)
    return group


@pytest.fixture
def lend(workspace):
    """``lend(giver, taker)``: a delegation from an hour ago until tomorrow, unless told otherwise."""

    def lent(giver, taker, **fields):
        now = timezone.now()
        times = {"starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(days=1)}
        return Delegation.objects.create(workspace=workspace, giver=giver, taker=taker, **(times | fields))

    return lent


def stages(*pairs, **fields) -> Ask:
    return Ask(stages=tuple(Stage(reviewers, needed) for reviewers, needed in pairs), **fields)


def approve(approval, reviewer, **fields):
    return decide_approval(
        approval, reviewer=reviewer, **({"decision": "approved", "digest": approval.digest} | fields)
    )


def states(approval) -> list[str]:
    return ["done" if stage.done_at else "open" if stage.opened_at else "to come" for stage in approval.stages.all()]


# --- N of M and stages -------------------------------------------------------------------------------------------


@pytest.mark.asvs("2.3.5")
def test_two_of_three_is_two_different_people(ask, owner, admin, approver, trail):
    approval = ask(ask=stages(("approvers", 2)))
    assert approve(approval, approver).status == "pending"
    with pytest.raises(AlreadyVoted, match="said yes to this already"):
        approve(approval, approver)
    with pytest.raises(AlreadyVoted):
        approve(approval, approver, decision="rejected", note="Changed my mind")
    assert (approval.status, Vote.objects.count()) == ("pending", 1)
    assert approve(approval, admin).status == "approved"
    assert trail("approval.") == ["approval.requested", "approval.voted", "approval.approved"]


def test_any_no_ends_it(ask, admin, approver):
    approval = ask(ask=stages(("approvers", 3)))
    approve(approval, approver)
    assert approve(approval, admin, decision="rejected", note="Not this quarter").status == "rejected"


def test_stages_are_answered_in_their_order(ask, sales, people, owner, approver, creator):
    ada, bo, _ = people
    approval = ask(ask=stages((f"group:{sales.pk}", 1), ("role:owner", 1)))
    assert set(reviewers_of(approval)) == {ada, bo}
    with pytest.raises(NotAsked, match="for one of Sales-Ops to decide"):
        approve(approval, owner)
    approve(approval, ada)
    assert (approval.status, states(approval)) == ("pending", ["done", "open"])
    assert set(reviewers_of(approval)) == {owner}
    told = Notification.objects.filter(kind="approval_asked").values_list("person", flat=True)
    assert set(told) == {ada.pk, bo.pk, owner.pk}
    progress = Notification.objects.get(kind="approval_voted")
    assert (progress.person, progress.by, progress.note) == (creator, ada, "1 more needed, by an owner.")
    with pytest.raises(NotAsked, match="for an owner to decide"):
        approve(approval, approver)
    assert approve(approval, owner).status == "approved"
    assert states(approval) == ["done", "done"]


def test_a_vote_of_somebody_who_lost_their_seat_before_the_end_does_not_count(ask, sales, people, owner, admin):
    ada, bo, _ = people
    approval = ask(ask=stages((f"group:{sales.pk}", 1), ("role:owner", 1)))
    approve(approval, ada)
    ApproverGroupMember.objects.filter(user=ada).delete()
    approve(approval, owner)
    assert (approval.status, open_stage(approval).position) == ("pending", 0)
    with pytest.raises(NotAsked):  # the stage that is short is answered now, and not the next one
        approve(approval, admin)
    assert approve(approval, bo).status == "approved"


def test_a_vote_of_somebody_who_left_the_workspace_does_not_count(ask, admin, approver, owner):
    approval = ask(ask=stages(("approvers", 2)))
    approve(approval, approver)
    remove_member(Membership.objects.get(user=approver), actor=owner)
    assert approve(approval, admin).status == "pending"
    assert approve(approval, owner).status == "approved"


def test_a_vote_of_somebody_who_came_too_close_before_the_end_does_not_count(
    ask, agent, owner, approver, creator, trail
):
    """The owner said yes, and then took a key of the agent that asked."""
    approval = ask(agent=agent, ask=stages(("approvers", 2)))
    approve(approval, owner)
    create_token(approval.workspace, name="Key", permissions=["runs.read"], days=2, agent=agent, actor=owner)
    assert approve(approval, approver).status == "pending"
    assert trail("approval.voted") == ["approval.voted"] * 2


# --- Who may -----------------------------------------------------------------------------------------------------


def test_a_group_decides_and_not_whoever_else_may_decide(ask, sales, people, admin):
    approval = ask(ask=stages((f"group:{sales.pk}", 1)))
    with pytest.raises(NotAsked):
        approve(approval, admin)
    assert seat_of(approval, people[0]).sentence == "You may decide this as one of Sales-Ops."
    assert approve(approval, people[0]).status == "approved"


def test_a_role_of_the_workspaces_own_decides_and_whoever_leaves_it_does_not(workspace, ask, people, owner, admin):
    ada, bo, _ = people
    desk = create_role(workspace, name="Desk", permissions={"view_listing"}, actor=owner)
    for person in (ada, bo):
        change_role(Membership.objects.get(user=person), to=desk, actor=owner)
    approval = ask(ask=stages((f"role:{desk.pk}", 1)))
    assert set(reviewers_of(approval)) == {ada, bo}
    assert list(asked_of(ada, workspace)) == [approval]
    with pytest.raises(NotAsked, match="for somebody with the role Desk to decide"):
        approve(approval, admin)
    change_role(Membership.objects.get(user=bo), to=RoleGroup.objects.get(role="member"), actor=owner)
    with pytest.raises(NotAsked):
        approve(approval, bo)
    assert approve(approval, ada).status == "approved"


def test_a_named_person_decides_and_nobody_in_their_place(ask, people, admin):
    approval = ask(ask=stages((f"person:{people[2].pk}", 1)))
    for other in (people[0], admin):
        with pytest.raises(NotAsked):
            approve(approval, other)
    assert approve(approval, people[2]).status == "approved"


def test_a_grant_on_one_installation_decides_about_that_one(workspace, ask, people, admin):
    mine, other = installed(workspace, admin, PROBE, TIDY)
    grant("registry.decide_approval", people[0], mine)
    about_mine, about_other = ask(installation=mine), ask(installation=other)
    assert set(asked_of(people[0], workspace)) == {about_mine}
    assert people[0] in reviewers_of(about_mine) and people[0] not in reviewers_of(about_other)
    with pytest.raises(NotGranted):
        approve(about_other, people[0])
    assert approve(about_mine, people[0]).status == "approved"


def test_a_grant_lost_while_the_page_is_open_is_felt_by_the_vote(workspace, ask, approver, owner):
    approval = ask()
    with remember_grants():  # as within a request that looked at the grants before
        assert "approvers" in standing_of(approver, workspace).refs
        change_role(Membership.objects.get(user=approver), to=RoleGroup.objects.get(role="member"), actor=owner)
        with pytest.raises(NotGranted):
            approve(approval, approver)
    assert Vote.objects.count() == 0


def test_a_grant_that_another_process_revoked_is_felt_within_the_request(workspace, ask, people, admin):
    mine = installed(workspace, admin, PROBE)[0]
    grant("registry.decide_approval", people[0], mine)
    approval = ask(installation=mine)
    with remember_grants():
        assert seat_of(approval, people[0])
        with remember_grants():  # what somebody else's process does, of which this one remembers nothing
            revoke("registry.decide_approval", people[0], mine)
        with pytest.raises(NotGranted):
            approve(approval, people[0])


def test_the_owner_and_the_key_maker_of_the_agent_that_asked_are_too_close(
    workspace, ask, agent, owner, admin, approver
):
    create_token(workspace, name="Key", permissions=["runs.read"], days=2, agent=agent, actor=owner)
    approval = ask(agent=agent, requested_by=approver)
    with pytest.raises(SelfApproval, match="You own the agent"):
        approve(approval, admin)
    with pytest.raises(SelfApproval, match="made a token of this agent"):
        approve(approval, owner)
    assert not reviewers_of(approval).exists()
    for person in (owner, admin, approver):
        assert not asked_of(person, workspace).exists()


# --- In another's place ------------------------------------------------------------------------------------------


def test_a_delegate_answers_in_anothers_place_and_the_vote_says_so(workspace, ask, sales, people, lend):
    ada, bo, cy = people
    approval = ask(ask=stages((f"group:{sales.pk}", 1)))
    lend(ada, cy)
    assert set(reviewers_of(approval)) == {ada, bo, cy}
    assert set(asked_of(cy, workspace)) == {approval}
    assert approval in Approval.objects.visible_to(cy, within=workspace)
    assert approval in Approval.objects.visible_to(cy)
    assert seat_of(approval, cy).sentence.endswith(f"in place of {ada}.")
    approve(approval, cy)
    vote = Vote.objects.get()
    assert (approval.status, vote.reviewer, vote.on_behalf_of) == ("approved", cy, ada)
    event = AuditEvent.objects.get(action="approval.approved")
    assert AuditDetail.objects.get(event_id=event.pk).fields["data.on_behalf_of"] == str(ada.pk)


def test_nobody_answers_twice_by_taking_a_second_place(ask, sales, people, lend):
    ada, bo, _ = people
    approval = ask(ask=stages((f"group:{sales.pk}", 2)))
    lend(bo, ada)
    approve(approval, ada)
    with pytest.raises(AlreadyVoted):
        approve(approval, ada)
    assert approval.status == "pending"
    assert approve(approval, bo).status == "approved"


def test_a_place_speaks_once_whoever_sits_in_it(workspace, ask, sales, people, lend):
    """Ada says yes and then lends her place to Cy: two of Sales-Ops is Bo as well, and not Ada by another's mouth."""
    ada, bo, cy = people
    approval = ask(ask=stages((f"group:{sales.pk}", 2)))
    approve(approval, ada)
    lend(ada, cy)
    assert seat_of(approval, cy) is None and not asked_of(cy, workspace).exists()
    assert set(reviewers_of(approval)) == {bo}
    with pytest.raises(NotAsked):
        approve(approval, cy)
    assert approve(approval, bo).status == "approved"


def test_whoever_was_spoken_for_speaks_no_more(workspace, ask, sales, people, lend):
    ada, bo, cy = people
    approval = ask(ask=stages((f"group:{sales.pk}", 2)))
    lend(ada, cy)
    approve(approval, cy)
    assert set(reviewers_of(approval)) == {bo} and not asked_of(ada, workspace).exists()
    with pytest.raises(AlreadyVoted, match=f"In your place {cy} has said yes"):
        approve(approval, ada)
    assert approve(approval, bo).status == "approved"


def test_what_was_said_in_anothers_place_counts_when_they_are_back_and_not_once_they_lost_it(
    ask, sales, people, lend, member
):
    ada, bo, cy = people
    back, gone = (ask(ask=stages((f"group:{sales.pk}", 2))) for _ in range(2))
    loan = lend(ada, cy)
    for approval in (back, gone):
        approve(approval, cy)
    loan.ended_at = timezone.now()
    loan.save()
    assert approve(back, bo).status == "approved"
    ApproverGroupMember.objects.filter(user=ada).delete()
    assert approve(gone, bo).status == "pending"


@pytest.mark.parametrize("closeness", ["author", "key of the agent", "stands in for the requester"])
def test_a_place_lent_by_somebody_too_close_is_no_place(
    workspace, ask, agent, sales, people, lend, creator, owner, closeness
):
    """Whoever could not answer themselves does not answer through somebody they chose."""
    ada, bo, cy = people
    about = {"version_author": ada} if closeness == "author" else {"agent": agent}
    approval = ask(ask=stages((f"group:{sales.pk}", 1)), **about)
    if closeness == "key of the agent":
        create_token(workspace, name="Key", permissions=["runs.read"], days=2, agent=agent, actor=owner)
        Token.objects.update(created_by=ada)
    elif closeness != "author":
        lend(creator, ada)
    lend(ada, cy)
    assert seat_of(approval, cy) is None and not asked_of(cy, workspace).exists()
    assert set(reviewers_of(approval)) == {bo}
    with pytest.raises(NotAsked):
        approve(approval, cy)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("not begun", {"starts_at": timedelta(hours=1)}),
        ("over", {"starts_at": timedelta(days=-2), "ends_at": timedelta(hours=-1)}),
        ("called off", {"ended_at": timedelta(seconds=-1)}),
    ],
)
def test_a_delegation_holds_within_its_time_alone(workspace, ask, sales, people, lend, name, fields):
    ada, _, cy = people
    approval = ask(ask=stages((f"group:{sales.pk}", 1)))
    lend(ada, cy, **{key: timezone.now() + value for key, value in fields.items()})
    assert not asked_of(cy, workspace).exists() and cy not in reviewers_of(approval)
    with pytest.raises(NotAsked):
        approve(approval, cy)


def test_what_ends_while_a_vote_is_written_is_refused_in_words(workspace, ask, sales, people, lend, monkeypatch):
    """Between looking and writing a delegation is called off, or the request's time runs out. What does either goes
    with the refusal, so that each begins anew."""
    ada, bo, cy = people
    approval, over = (ask(ask=stages((f"group:{sales.pk}", 1))) for _ in range(2))
    lend(ada, cy)
    call_off = partial(Delegation.objects.filter(giver=ada).update, ended_at=timezone.now())

    def meanwhile(act):
        monkeypatch.setattr(voting, "_check_note", lambda *rest: act())

    meanwhile(call_off)
    with pytest.raises(NotAsked, match="This is for one of Sales-Ops to decide"):
        approve(approval, cy)
    lend(bo, cy)
    with pytest.raises(NotAsked, match=f"in place of {ada} until a moment ago"):
        approve(approval, cy)
    meanwhile(lambda: Approval.objects.filter(pk=over.pk).update(expires_at=timezone.now()))
    with pytest.raises(ApprovalExpired):
        approve(over, bo)
    assert not Vote.objects.exists() and not AuditEvent.objects.filter(action__startswith="approval.app").exists()
    meanwhile(lambda: None)
    assert approve(approval, cy).status == "approved"


def test_a_delegation_about_one_installation_holds_for_that_one(workspace, ask, sales, people, lend, admin):
    ada, _, cy = people
    probe, tidy = installed(workspace, admin, PROBE, TIDY)
    lend(ada, cy, installation=probe)
    asked = stages((f"group:{sales.pk}", 1))
    here, elsewhere = ask(ask=asked, installation=probe), ask(ask=asked, installation=tidy)
    assert set(asked_of(cy, workspace)) == {here}
    with pytest.raises(NotAsked):
        approve(elsewhere, cy)
    assert approve(here, cy).status == "approved"


def test_what_was_delegated_is_not_delegated_on(ask, sales, people, lend, member):
    ada, _, cy = people
    approval = ask(ask=stages((f"group:{sales.pk}", 1)))
    lend(ada, cy)
    lend(cy, member)
    with pytest.raises(NotAsked):
        approve(approval, member)


def test_a_delegate_of_the_requester_cannot_decide_whatever_they_may_themselves(workspace, ask, admin, approver, lend):
    approval = ask(requested_by=admin)
    loan = lend(admin, approver)
    assert approver not in reviewers_of(approval) and not asked_of(approver, workspace).exists()
    with pytest.raises(SelfApproval, match="You stand in for"):
        approve(approval, approver)
    loan.ended_at = timezone.now()
    loan.save()
    with pytest.raises(SelfApproval):  # ending it now makes nobody impartial about what was asked before
        approve(approval, approver)


def test_a_place_lent_by_the_requester_is_no_place(workspace, ask, sales, people, lend):
    ada, _, cy = people
    approval = ask(requested_by=ada, ask=stages((f"group:{sales.pk}", 1)))
    lend(ada, cy)
    assert seat_of(approval, cy) is None
    with pytest.raises((NotAsked, SelfApproval)):
        approve(approval, cy)


def test_a_circle_of_delegates_gives_nobody_a_place(workspace, ask, sales, people, lend, member, auditor):
    ada = people[0]
    approval = ask(requested_by=ada, ask=stages((f"group:{sales.pk}", 1)))
    lend(ada, member)
    lend(member, auditor)
    lend(auditor, ada)
    for person in (ada, member, auditor):
        with pytest.raises((NotAsked, SelfApproval)):
            approve(approval, person)


def test_lists_and_votes_agree_on_who_is_asked(workspace, ask, sales, people, lend, cast, admin):
    """``asked_of``, ``reviewers_of`` and ``seat_of`` say the same of everybody about requests of every shape."""
    ada, bo, cy = people
    probe = installed(workspace, admin, PROBE)[0]
    grant("registry.decide_approval", bo, probe)
    lend(ada, cy)
    lend(cast["approver"], cast["auditor"], installation=probe)
    lend(admin, bo, installation=probe)
    refs = ["approvers", "role:owner", "role:admin", f"group:{sales.pk}", f"person:{cy.pk}", f"person:{ada.pk}"]
    requests = [
        ask(ask=stages((ref, 1)), installation=about, requested_by=asker, version_author=author)
        for ref in refs
        for about in (None, probe)
        for asker, author in ((cast["creator"], None), (admin, ada))
    ]
    everybody = [*people, *(cast[role] for role in ("owner", "admin", "approver", "creator", "auditor", "member"))]
    asks_now = {approval: (approval.stages.get(), set(reviewers_of(approval))) for approval in requests}
    pairs = 0
    for person in everybody:
        waiting = set(asked_of(person, workspace))
        standing = standing_of(person, workspace)
        for approval, (stage, people_asked) in asks_now.items():
            asked = standing.seat(approval, stage) is not None and not why_not_yours(approval, person)
            assert (approval in waiting) == asked, (person, stage, approval.installation)
            assert (person in people_asked) == asked, (person, stage, approval.installation)
            pairs += asked
    assert pairs > len(requests)


def test_what_waits_is_looked_up_request_by_request(new_tables, workspace, ask, people, lend, approver):
    """A join of all requests with all stages is what PostgreSQL chooses for both while it has no statistics."""
    lend(approver, people[0])
    ask()
    for person in (approver, people[0]):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        plan = asked_of(person, workspace).explain()
        assert "approvalstage_open" in plan and "Semi Join" not in plan and "Anti Join" not in plan, plan
