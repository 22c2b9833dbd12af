"""What the database itself refuses: every way round the services, tried as the application's own role in plain SQL."""

from contextlib import nullcontext
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from galaxy.core.models import Token
from galaxy.core.scope import workspace_scope
from policies.models import Approval, AutoApproval, Delegation
from policies.rules.asks import Ask, Stage
from policies.services.approvals import consume, decide_approval
from tests.extensions import PROBE, installed

HOUR = timedelta(hours=1)
TWO = Ask(stages=(Stage("approvers", 2),))


def sql(statement: str, **values) -> None:
    """One statement by the application's role, and then everything that is looked at when a transaction commits."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("galaxy_app",)
        cursor.execute(statement, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def change(approval, assignments: str, **values) -> None:
    sql(f"UPDATE policies_approval SET {assignments} WHERE id = %(id)s", id=approval.pk, **values)


def cast_vote(approval, reviewer, **fields) -> None:
    """Insert a vote past every service; ``fields`` say what is odd about it."""
    row = {
        "id": uuid4(),
        "workspace_id": approval.workspace_id,
        "approval_id": approval.pk,
        "reviewer_id": reviewer.pk,
        "requested_by_id": approval.requested_by_id,
        "version_author_id": approval.version_author_id,
        "stage_id": approval.stages.first().pk,
        "on_behalf_of_id": None,
        "factor": "",
        "choice": "approved",
        "reason": "",
        "digest": approval.digest,
        "voted_at": timezone.now(),
    } | fields
    names = ", ".join(row)
    sql(f"INSERT INTO policies_vote ({names}) VALUES ({', '.join(f'%({name})s' for name in row)})", **row)


def refused(by: str):
    return pytest.raises(DatabaseError, match=by)


APPROVE = "status = 'approved', decided_at = clock_timestamp()"


# --- A yes that nobody gave --------------------------------------------------------------------------------------


def test_nothing_is_approved_without_enough_votes(ask, approver, admin, owner):
    approval = ask(ask=TWO)
    with refused("approval_carried_by_votes"):
        change(approval, APPROVE)
    cast_vote(approval, approver)
    with refused("approval_carried_by_votes"):
        change(approval, APPROVE)
    cast_vote(approval, admin)
    change(approval, APPROVE)
    approval.refresh_from_db()
    assert approval.status == "approved"


def test_every_stage_counts(ask, approver, admin):
    approval = ask(ask=Ask(stages=(Stage("approvers", 1), Stage("role:owner", 1))))
    cast_vote(approval, approver)
    with refused("approval_carried_by_votes"):
        change(approval, APPROVE)
    with refused("vote_outside_open_stage"):
        cast_vote(approval, admin, stage_id=approval.stages.last().pk)


def test_a_no_carries_nothing(ask, approver, admin, owner):
    approval = ask(ask=TWO)
    cast_vote(approval, approver)
    cast_vote(approval, admin)
    cast_vote(approval, owner, choice="rejected", reason="No")
    with refused("approval_carried_by_votes"):
        change(approval, APPROVE)


@pytest.mark.asvs("2.3.1")
def test_a_request_is_never_born_approved_nor_used(approval):
    copied = [field.column for field in Approval._meta.concrete_fields if field.column not in {"id", "subject_id"}]
    names = ", ".join(copied)
    for odd in ({"status": "approved"}, {"consumed_at": timezone.now()}):
        values = ", ".join(
            f"%({name})s" if name in odd or (name == "decided_at" and "status" in odd) else name for name in copied
        )
        with refused("approval_begins_pending"):
            sql(
                f"INSERT INTO policies_approval (id, subject_id, {names}) "
                f"SELECT gen_random_uuid(), gen_random_uuid(), {values} FROM policies_approval",
                **({"decided_at": timezone.now()} | odd),
            )


def test_a_grant_carries_what_it_covers_and_no_more(workspace, ask, owner, admin):
    probe = installed(workspace, admin, PROBE)[0]
    now = timezone.now()
    grant = AutoApproval.objects.create(
        workspace=workspace,
        installation=probe,
        scope="crm.**.write",
        owner=owner,
        reason="Every night",
        budget=1,
        version_digest="a" * 64,
        ends_at=now + timedelta(days=1),
    )
    by_grant = f"{APPROVE}, grant_id = %(grant)s"
    first, second, delete, elsewhere = (
        ask(installation=probe),
        ask(installation=probe),
        ask(installation=probe, effect="delete"),
        ask(),
    )
    with refused("approval_carried_by_grant"):
        change(first, by_grant, grant=grant.pk)  # no use of it was counted
    AutoApproval.objects.update(used=1)
    change(first, by_grant, grant=grant.pk)
    for other in (second, delete, elsewhere):
        with refused("approval_carried_by_grant"):
            change(other, by_grant, grant=grant.pk)


@pytest.mark.parametrize("by", ["owner", "confirmed_by"])
@pytest.mark.parametrize("of", ["requested_by", "version_author", "agent"])
def test_a_grant_carries_nothing_of_whoever_gave_it(workspace, ask, agent, owner, admin, approver, by, of):
    """The agent is the admin's."""
    probe = installed(workspace, admin, PROBE)[0]
    people = {"owner": approver, "confirmed_by": owner} | {by: admin}
    grant = AutoApproval.objects.create(
        workspace=workspace,
        installation=probe,
        scope="crm.**.write",
        reason="Every night",
        budget=1,
        used=1,
        version_digest="a" * 64,
        ends_at=timezone.now() + timedelta(days=1),
        **people,
    )
    with refused("grant_of_another"):
        change(
            ask(installation=probe, **{of: agent if of == "agent" else admin}),
            f"{APPROVE}, grant_id = %(grant)s",
            grant=grant.pk,
        )


# --- What was asked for, and what was decided, stays -------------------------------------------------------------


@pytest.mark.parametrize(
    "assignment",
    [
        "digest = repeat('f', 64)",
        'bound = \'{"inputs": "x"}\'',
        "subject_kind = 'install'",
        "subject_id = gen_random_uuid()",
        "requested_by_id = %(other)s",
        "version_author_id = %(other)s",
        "needs_second_factor = true",
        "target = 'another.action'",
        "effect = 'read'",
        "is_bulk = true",
        "records = 10000",
        "simulated = true",
        "summary = 'Something harmless'",
        'ladder = \'[{"at": "2020-01-01T00:00:00+00:00", "to": "role:member", "stage": 0}]\'',
    ],
)
def test_what_was_asked_for_never_changes(approval, admin, assignment):
    with refused("approval_subject_fixed"):
        change(approval, assignment, other=admin.pk)


@pytest.mark.parametrize(
    "assignment",
    ["expires_at = expires_at + interval '1 second'", "requested_at = requested_at + interval '1 second'"],
)
def test_no_time_is_added(approval, assignment):
    with refused("approval_time_fixed"):
        change(approval, assignment)


@pytest.mark.parametrize("first", ["approved", "rejected", "withdrawn", "expired"])
@pytest.mark.parametrize("then", ["pending", "approved", "rejected", "withdrawn", "expired"])
def test_what_was_decided_stays_decided(ask, approver, first, then):
    approval = ask()
    if first in {"approved", "rejected"}:
        decide_approval(approval, reviewer=approver, decision=first, note="So", digest=approval.digest)
    else:
        change(approval, f"status = '{first}', decided_at = clock_timestamp()")
    decided = "NULL" if then == "pending" else "decided_at"
    with nullcontext() if first == then else refused("approval_decided_once"):
        change(approval, f"status = '{then}', decided_at = {decided}")
    approval.refresh_from_db()
    assert approval.status == first


@pytest.mark.parametrize("table", ["policies_vote", "policies_approval", "policies_approvalstage"])
def test_nothing_is_deleted(approval, approver, table):
    decide_approval(approval, reviewer=approver, decision="approved", digest=approval.digest)
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with refused("permission denied"):
            sql(statement)


@pytest.mark.parametrize("assignment", ["choice = 'approved'", "reviewer_id = %(other)s", "digest = repeat('f', 64)"])
def test_a_vote_is_written_once(approval, approver, admin, assignment):
    decide_approval(approval, reviewer=approver, decision="rejected", note="No", digest=approval.digest)
    with refused("permission denied"):
        sql(f"UPDATE policies_vote SET {assignment}", other=admin.pk)


# --- Use ---------------------------------------------------------------------------------------------------------


@pytest.mark.asvs("2.3.1", "2.3.4")
def test_a_yes_is_used_once_and_in_its_time(ask, approver):
    used, late, undecided = ask(), ask(), ask()
    use = "consumed_at = clock_timestamp()"
    with refused("approval_used_once"):
        change(undecided, use)
    with refused("approval_used_once"):
        change(undecided, f"{APPROVE}, {use}")
    for approval in (used, late):
        decide_approval(approval, reviewer=approver, decision="approved", digest=approval.digest)
    with transaction.atomic():
        consume(used, digest=used.digest)
    for again in (use, "consumed_at = NULL", f"{use}, digest = digest"):
        with refused("approval_used_once"):
            change(used, again)
    change(late, "decided_at = requested_at, expires_at = requested_at + interval '1 microsecond'")
    with refused("approval_used_once"):
        change(late, use)


# --- Votes -------------------------------------------------------------------------------------------------------


def test_nobody_votes_after_the_end_nor_about_something_else(ask, approver, admin):
    over, decided, other = ask(), ask(), ask()
    change(over, "expires_at = clock_timestamp()")
    with refused("vote_after_expiry"):
        cast_vote(over, approver)
    with refused("approval_in_time"):
        change(over, "status = 'approved', decided_at = requested_at")
    decide_approval(decided, reviewer=approver, decision="rejected", note="No", digest=decided.digest)
    with refused("vote_on_decided"):
        cast_vote(decided, admin)
    with refused("vote_on_something_else"):
        cast_vote(other, approver, digest="f" * 64)
    with refused("vote_outside_open_stage"):
        cast_vote(other, approver, stage_id=over.stages.get().pk)
    with refused("vote_outside_open_stage"):
        cast_vote(other, approver, stage_id=None)


@pytest.mark.asvs("2.3.5")
def test_nobody_votes_who_is_too_close(workspace, ask, creator, owner, admin, approver):
    approval = ask(version_author=admin)
    with refused("vote_not_by_requester"):
        cast_vote(approval, creator)
    with refused("requester_is_the_approvals"):
        cast_vote(approval, creator, requested_by_id=owner.pk)
    with refused("vote_not_by_author"):
        cast_vote(approval, admin)
    with refused("vote_on_something_else"):
        cast_vote(approval, admin, version_author_id=None)
    now = timezone.now()
    loan = Delegation.objects.create(
        workspace=workspace, giver=creator, taker=approver, starts_at=now, ends_at=now + timedelta(days=1)
    )
    with refused("vote_by_stand_in"):
        cast_vote(approval, approver)
    Delegation.objects.filter(pk=loan.pk).update(ended_at=timezone.now())
    with refused("vote_by_stand_in"):
        cast_vote(approval, approver)
    with refused("vote_not_for_requester"):
        cast_vote(approval, owner, on_behalf_of_id=creator.pk)


@pytest.fixture
def lend(workspace):
    """``lend(giver, taker, …)``: a delegation from an hour ago until tomorrow, unless told otherwise."""

    def lent(giver, taker, first=-1, last=24, **fields):
        times = {"starts_at": timezone.now() + first * HOUR, "ends_at": timezone.now() + last * HOUR}
        return Delegation.objects.create(**{"workspace": workspace, "giver": giver, "taker": taker} | times | fields)

    return lent


def test_nobody_votes_in_anothers_place_without_their_word(
    workspace, other_workspace, ask, lend, admin, approver, member, auditor
):
    """A delegation of another, to another, about something else, not begun, over, called off, of another workspace."""
    probe = installed(workspace, admin, PROBE)[0]
    approval = ask()
    lend(admin, auditor)
    lend(auditor, member)
    lend(approver, member, installation=probe)
    lend(approver, member, first=2)
    lend(approver, member, first=-3, last=-1)
    lend(approver, member, ended_at=timezone.now())
    with workspace_scope([other_workspace.pk]):
        lend(approver, member, workspace=other_workspace)
    with workspace_scope([workspace.pk, other_workspace.pk]), refused("vote_without_delegation"):
        cast_vote(approval, member, on_behalf_of_id=approver.pk)
    lend(approver, member, first=0, last=1)
    cast_vote(approval, member, on_behalf_of_id=approver.pk)


def test_a_delegation_that_is_called_off_carries_no_vote(ask, lend, approver, member):
    approval = ask()
    loan = lend(approver, member)
    Delegation.objects.filter(pk=loan.pk).update(ended_at=timezone.now())
    with refused("vote_without_delegation"):
        cast_vote(approval, member, on_behalf_of_id=approver.pk)


def test_nobody_votes_in_the_place_of_somebody_who_is_too_close(
    ask, agent, lend, creator, owner, admin, approver, member, auditor
):
    approval = ask(version_author=approver, agent=agent)  # an agent of the admin's
    Token.objects.create(
        workspace=approval.workspace,
        name="Key",
        prefix="glx_",
        digest="d" * 64,
        agent=agent,
        created_by=owner,
        expires_at=timezone.now() + 24 * HOUR,
    )
    lend(creator, auditor)  # who stands in for whoever asked
    for giver in (approver, admin, owner, auditor):
        lend(giver, member)
        with refused("vote_for_too_close"):
            cast_vote(approval, member, on_behalf_of_id=giver.pk)


def test_nobody_has_two_words_on_one_request(ask, lend, admin, approver, member, auditor):
    spoke, was_spoken_for = ask(ask=TWO), ask(ask=TWO)
    loan = lend(approver, member)
    cast_vote(spoke, approver)
    with refused("vote_once_each"):
        cast_vote(spoke, member, on_behalf_of_id=approver.pk)
    cast_vote(was_spoken_for, member, on_behalf_of_id=approver.pk)
    Delegation.objects.filter(pk=loan.pk).update(ended_at=timezone.now())
    lend(approver, auditor)
    for reviewer, giver in ((approver, None), (auditor, approver.pk)):
        with refused("vote_once_each"):
            cast_vote(was_spoken_for, reviewer, on_behalf_of_id=giver)


def test_nobody_votes_who_can_act_as_the_agent_that_asked(workspace, ask, agent, owner, admin, approver):
    approval = ask(agent=agent, requested_by=approver)
    with refused("vote_by_agents_own"):
        cast_vote(approval, admin)
    Token.objects.create(
        workspace=workspace,
        name="Key",
        prefix="glx_",
        digest="d" * 64,
        agent=agent,
        created_by=owner,
        expires_at=timezone.now() + timedelta(days=1),
    )
    with refused("vote_by_agents_own"):
        cast_vote(approval, owner)


@pytest.mark.asvs("7.5.3")
def test_a_yes_takes_the_second_factor_that_the_request_asks_for(ask, approver, admin):
    careful = ask(ask=Ask(second_factor=True))
    with refused("vote_without_factor"):
        cast_vote(careful, approver)
    cast_vote(careful, approver, choice="rejected", reason="No")


def test_a_reviewer_votes_once(ask, approver):
    approval = ask(ask=TWO)
    cast_vote(approval, approver)
    with refused("vote_once"):
        cast_vote(approval, approver)


# --- Stages, and the walls' own walls ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "assignment",
    ["needed = 1", "position = 3", "reviewers = '{role:member}'", "approval_id = gen_random_uuid()"],
)
def test_a_stage_never_asks_less(ask, assignment):
    approval = ask(ask=TWO)
    with refused("stage_fixed|stage_of_waiting"):
        sql(f"UPDATE policies_approvalstage SET {assignment} WHERE approval_id = %(id)s", id=approval.pk)
    sql("UPDATE policies_approvalstage SET reviewers = reviewers || '{role:owner}'::varchar[]")


def test_no_stage_comes_after_a_vote_or_a_decision(ask, approver, admin):
    approval = ask(ask=TWO)
    add = (
        "INSERT INTO policies_approvalstage (id, workspace_id, approval_id, position, reviewers, needed, opened_at) "
        "SELECT gen_random_uuid(), workspace_id, approval_id, 1, '{role:member}', 1, now() FROM policies_approvalstage"
    )
    cast_vote(approval, approver)
    with refused("stage_before_votes"):
        sql(add)
    decide_approval(approval, reviewer=admin, decision="approved", digest=approval.digest)
    with refused("stage_of_waiting"):
        sql(add)
    with refused("stage_of_waiting"):
        sql("UPDATE policies_approvalstage SET done_at = NULL")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE policies_approval DISABLE TRIGGER ALL",
        "DROP TRIGGER keeps ON policies_approval",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION policies_approval_keeps() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE policies_vote DROP CONSTRAINT vote_not_by_requester",
        "SET ROLE galaxy_rollup",
    ],
)
def test_the_application_cannot_put_the_walls_aside(db, statement):
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
        sql(statement)


def test_a_table_of_the_same_name_deceives_nobody(ask, approver):
    """A temporary table comes before the real one in a search path; the walls look at the real one."""
    approval = ask()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE policies_approvalstage AS SELECT * FROM public.policies_approvalstage")
        cursor.execute("UPDATE pg_temp.policies_approvalstage SET needed = 0")
        with refused("approval_carried_by_votes"):
            change(approval, APPROVE)
        cursor.execute("DROP TABLE pg_temp.policies_approvalstage")
