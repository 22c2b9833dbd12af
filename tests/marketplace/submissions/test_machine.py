"""Which state follows which: every pair tried, by the services and past them, and what the database holds by itself."""

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError

from galaxy.core.models import AuditEvent
from galaxy.core.scope import scope_with, workspace_scope
from marketplace.submissions.approving import approve
from marketplace.submissions.errors import NotNow, NotReady, NotTheReviewer, OwnWork, ReasonNeeded, StillOpen
from marketplace.submissions.machine import MOVES
from marketplace.submissions.models import DECIDED, OPEN, State, Submission, SubmissionFile, SubmissionStep
from marketplace.submissions.proof import prove_submission
from marketplace.submissions.services import reject, release, request_changes, take, withdraw
from registry.models import Extension
from registry.publishers.handing_over import answer_claim, ask_for_name
from tests.submitting import publisher_of, put_beside, submitted, taken, text_of


def _act(name, row, cast, desk):
    """What the verb does, by whoever it is for."""
    reviewer = {"desk": desk.workspace, "actor": desk.reviewer}
    match name:
        case "take":
            return take(row, **reviewer)
        case "release":
            return release(row, **reviewer)
        case "request_changes":
            return request_changes(row, reason="Name the hosts.", **reviewer)
        case "reject":
            return reject(row, reason="It sends what it should not.", **reviewer)
        case "approve":
            prove_submission(row.pk)
            return approve(row, **reviewer)
        case "withdraw":
            return withdraw(row, actor=cast["creator"])
    raise AssertionError(name)


def _in_state(state, workspace, cast, desk):
    row = submitted(workspace, cast["creator"])
    path = {
        State.SUBMITTED: (),
        State.IN_REVIEW: ("take",),
        State.CHANGES_REQUESTED: ("take", "request_changes"),
        State.REJECTED: ("take", "reject"),
        State.APPROVED: ("take", "approve"),
        State.WITHDRAWN: ("withdraw",),
    }[state]
    for name in path:
        row = _act(name, row, cast, desk)
    assert row.state == state
    return row


@pytest.mark.parametrize("state", State.values)
def test_every_verb_moves_from_its_states_and_from_no_other(state, workspace, cast, desk):
    with workspace_scope([workspace.pk, desk.workspace.pk]):
        row = _in_state(State(state), workspace, cast, desk)
        for name, move in MOVES.items():
            with transaction.atomic():
                if state in move.sources:
                    steps = row.steps.count()
                    assert _act(name, row, cast, desk).state == move.target
                    last = row.steps.order_by("-at", "-id").first()
                    assert row.steps.count() == steps + 1
                    assert {(one.from_state, one.to_state) for one in row.steps.filter(move=name)} >= {
                        (state, move.target)
                    }, last
                    events = AuditEvent.objects.filter(action=f"submission.{move.event}", target_id=str(row.pk))
                    sides = {event.workspace_id for event in events}
                    assert sides == {workspace.pk, desk.workspace.pk}
                else:
                    with pytest.raises(NotNow):
                        _act(name, row, cast, desk)
                transaction.set_rollback(True)
            row = Submission.objects.get(pk=row.pk)
            assert row.state == state


def test_the_database_knows_the_same_table(workspace, cast, desk):
    """Every pair of states, past the services, with all else that the target needs."""
    allowed = {(source, move.target) for move in MOVES.values() for source in move.sources}
    with workspace_scope([workspace.pk, desk.workspace.pk]):
        for state in State:
            with transaction.atomic():
                row = _in_state(state, workspace, cast, desk)
                for target in set(State) - {state}:
                    with transaction.atomic():
                        fits = _passes(row, target, desk)
                        transaction.set_rollback(True)
                    assert fits == ((state, target) in allowed), (state, target)
                transaction.set_rollback(True)


def _passes(row, target, desk) -> bool:
    """Whether the row can be made ``target`` past the services, with all else that the target needs."""
    version = Submission.objects.filter(version__isnull=False).values_list("version", flat=True).first()
    if target == State.APPROVED and version is None:
        from tests.extensions import TIDY, publish

        version = publish(TIDY).pk
    taken_by = None if target == State.SUBMITTED else desk.reviewer.pk
    values = {
        "state": target,
        "reviewer_id": taken_by,
        "taken_at": row.submitted_at if taken_by else None,
        "closed_at": None if target in OPEN else row.submitted_at,
        "decided_by_id": desk.reviewer.pk if target in DECIDED else None,
        "version_id": version if target == State.APPROVED else None,
        "level": "community" if target == State.APPROVED else "",
        "reason": "Because.",
    }
    try:
        with transaction.atomic():
            Submission.objects.filter(pk=row.pk).update(**values)
    except DatabaseError as error:
        assert "a submission goes not from" in str(error) or "what was decided stays" in str(error), error
        return False
    return True


@pytest.mark.parametrize("state", ["rejected", "changes_requested"])
def test_a_no_without_a_finding_or_a_reason_cannot_be_stored(state, workspace, cast, desk):
    """F94: by raw SQL, with everything else in order."""
    with workspace_scope([workspace.pk, desk.workspace.pk]):
        row = taken(submitted(workspace, cast["creator"]), desk.workspace, desk.reviewer)
        say_no = (
            "UPDATE marketplace_submission SET state = %s, decided_by_id = reviewer_id, closed_at = now(),"
            " reason = %s, reasons = %s::jsonb WHERE id = %s"
        )
        finding = '[{"code": "no-licence", "message": "Nothing says how it may be used."}]'
        for reason, reasons, wrong in (
            ("", "[]", "submission_refused_with_reason"),
            ("   ", "[]", "submission_refused_with_reason"),
            ("", '[{"code": "no-licence", "message": " "}]', "submission_reasons_say_what"),
            ("", '[{"code": "", "message": "Why"}]', "submission_reasons_say_what"),
            ("", '[{"message": "Why"}]', "submission_reasons_say_what"),
            ("", '{"code": "a", "message": "b"}', "submission_re"),
            ("Because.", "[]", ""),
            ("", finding, ""),
        ):
            with transaction.atomic(), connection.cursor() as cursor:
                if wrong:
                    with pytest.raises(DatabaseError, match=wrong), transaction.atomic():
                        cursor.execute(say_no, [state, reason, reasons, row.pk])
                else:
                    cursor.execute(say_no, [state, reason, reasons, row.pk])
                    assert Submission.objects.get(pk=row.pk).state == state
                transaction.set_rollback(True)
        verb = {"rejected": reject, "changes_requested": request_changes}[state]
        with pytest.raises(ReasonNeeded, match="a reason that its authors can act on"):
            verb(row, desk=desk.workspace, actor=desk.reviewer, reason="  ", findings=(99,))


def test_an_author_never_reviews_or_decides_whatever_the_service_forgets(workspace, cast, desk):
    row = submitted(workspace, cast["creator"], catalogue="private")
    author = cast["creator"].pk
    for column in ("reviewer_id", "decided_by_id"):
        with pytest.raises(IntegrityError, match="submission_author_never"), transaction.atomic():
            Submission.objects.filter(pk=row.pk).update(
                **{
                    "state": "in_review",
                    "taken_at": row.submitted_at,
                    "reviewer_id": author if column == "reviewer_id" else cast["approver"].pk,
                    "decided_by_id": author if column == "decided_by_id" else None,
                }
            )


def test_whoever_had_a_hand_in_the_draft_is_an_author(workspace, cast):
    """An admin saved the draft, another submitted it: neither reviews it in their private catalogue."""
    from marketplace.workshop.drafts import begin_draft

    draft = begin_draft(workspace, text=text_of(), actor=cast["admin"])
    put_beside(draft, path="notes.md", content=b"# Tasks", actor=cast["owner"])
    row = submitted(workspace, cast["creator"], draft=draft, catalogue="private")
    assert set(row.author_ids) == {cast["admin"].pk, cast["owner"].pk, cast["creator"].pk}
    for person in (cast["admin"], cast["owner"]):
        with pytest.raises(OwnWork, match="You had a hand in"):
            take(row, desk=workspace, actor=person)
    assert take(row, desk=workspace, actor=cast["approver"]).reviewer == cast["approver"]


def test_nobody_of_the_publishers_team_reviews_it_whenever_they_joined(workspace, cast, desk):
    """A reviewer of the desk is made a member of the publisher while it waits: by service and by SQL, no."""
    row = submitted(workspace, cast["creator"])
    publisher_of(workspace, desk.reviewer)
    with workspace_scope([workspace.pk, desk.workspace.pk]):
        with pytest.raises(OwnWork):
            take(row, desk=desk.workspace, actor=desk.reviewer)
        with pytest.raises(DatabaseError, match="nobody of its publisher reviews it"), transaction.atomic():
            Submission.objects.filter(pk=row.pk).update(
                state="in_review", reviewer=desk.reviewer, taken_at=row.submitted_at
            )


def test_only_who_took_it_decides_and_anybody_gives_it_back(workspace, cast, desk):
    with workspace_scope([workspace.pk, desk.workspace.pk]):
        row = taken(submitted(workspace, cast["creator"]), desk.workspace, desk.reviewer)
        with pytest.raises(NotNow, match=f"{desk.reviewer} reviews"):
            take(row, desk=desk.workspace, actor=desk.second)
        with pytest.raises(NotTheReviewer, match=f"{desk.reviewer} reviews"):
            reject(row, desk=desk.workspace, actor=desk.second, reason="No")
        with pytest.raises(NotTheReviewer):
            approve(row, desk=desk.workspace, actor=desk.second)
        released = release(row, desk=desk.workspace, actor=desk.second)
        assert (released.state, released.reviewer, released.steps.get(move="release").note) == (
            "submitted",
            None,
            f"{desk.reviewer} had it.",
        )


def test_what_was_handed_in_never_changes(workspace, cast, desk):
    row = submitted(workspace, cast["creator"])
    for change in (
        {"text": "other"},
        {"digest": "0" * 64},
        {"publisher": "Another"},
        {"security_fix": "x"},
        {"author_ids": []},
    ):
        with pytest.raises(DatabaseError, match=r"handed in stays|submitter_is_author"), transaction.atomic():
            Submission.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(DatabaseError, match="DELETE refused"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM marketplace_submission WHERE id = %s", [row.pk])
    for model in (SubmissionFile, SubmissionStep):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            model.objects.filter(submission=row).update(workspace=workspace)


def test_files_are_kept_by_what_they_are(workspace, cast, desk):
    from marketplace.workshop.drafts import begin_draft

    draft = begin_draft(workspace, text=text_of(), actor=cast["creator"])
    put_beside(draft, path="notes.md", content=b"# Tasks", actor=cast["creator"])
    row = submitted(workspace, cast["creator"], draft=draft)
    file = row.files.get()
    assert (file.path, bytes(file.content)) == ("notes.md", b"# Tasks")
    with pytest.raises(IntegrityError, match="submissionfile_is_what_it_says"), transaction.atomic():
        SubmissionFile.objects.create(
            workspace=workspace,
            desk_id=row.desk_id,
            submission=row,
            path="other.md",
            content=b"# Tasks",
            sha256="0" * 64,
        )


def test_one_of_an_extension_is_open_at_a_time(workspace, cast, desk):
    row = submitted(workspace, cast["creator"])
    with pytest.raises(StillOpen, match=r"Lantern tasks 1\.0\.0 is submitted already"):
        submitted(workspace, cast["admin"])
    with pytest.raises(IntegrityError, match="submission_one_open"), transaction.atomic():
        copy = Submission.objects.get(pk=row.pk)
        copy.pk, copy._state.adding = None, True
        copy.id = None
        Submission.objects.bulk_create([Submission(**{**_values(row)})])
    withdraw(row, actor=cast["creator"])
    again = submitted(workspace, cast["creator"], draft=row.draft)
    assert again.before_id == row.pk


def _values(row) -> dict:
    names = [field.attname for field in Submission._meta.concrete_fields if field.name not in {"id", "before"}]
    return {name: getattr(row, name) for name in names}


def test_both_workspaces_see_it_and_no_other(workspace, cast, desk):
    row = submitted(workspace, cast["creator"])
    for scope, count in (([workspace.pk], 1), ([desk.workspace.pk], 1), ([cast["tidewater"].pk], 0), ([], 0)):
        with workspace_scope(scope):
            assert Submission.objects.filter(pk=row.pk).count() == count
            assert SubmissionStep.objects.filter(submission=row.pk).count() == count
    private = submitted(workspace, cast["creator"], text=text_of(name="inner-tasks"), catalogue="private")
    with workspace_scope([desk.workspace.pk]):
        assert not Submission.objects.filter(pk=private.pk).exists()


def test_no_other_workspace_can_be_made_the_judge(workspace, other_workspace, cast):
    row = submitted(workspace, cast["creator"], catalogue="private")
    with (
        scope_with(other_workspace.pk),
        pytest.raises(DatabaseError, match="decides nothing of others"),
        transaction.atomic(),
    ):
        Submission.objects.bulk_create([Submission(**{**_values(row), "slug": "other", "desk_id": other_workspace.pk})])


def test_what_was_handed_in_under_a_name_that_went_to_others_is_not_published(
    workspace, cast, desk, other_workspace, stranger
):
    """The bytes of the old team never come out under the name of the new one."""
    with workspace_scope([workspace.pk, desk.workspace.pk]):
        row = taken(submitted(workspace, cast["creator"]), desk.workspace, desk.reviewer)
    with workspace_scope([other_workspace.pk]):
        claim = ask_for_name(other_workspace, publisher=row.owner, plea="It is our trade mark.", actor=stranger)
    with workspace_scope([desk.workspace.pk]):
        for person in (desk.reviewer, desk.second):
            answer_claim(claim, grant=True, reason="The register says so.", actor=person)
    with workspace_scope([workspace.pk, desk.workspace.pk]):
        with pytest.raises(NotReady, match="belongs to another workspace now"):
            approve(row, desk=desk.workspace, actor=desk.reviewer)
        assert not Extension.objects.filter(slug="lantern-tasks").exists()
