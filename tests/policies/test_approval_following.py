"""What people do to a request while it waits and once it is over: remind, hand over, narrow, ask again."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import AuditDetail, AuditEvent, Notification
from policies import subjects
from policies.bound import changes, digest_of
from policies.models import Approval
from policies.risk import Risk, risk_of
from policies.rules.asks import Ask, Stage
from policies.services.approvals import (
    AlreadyDecided,
    ApprovalChanged,
    Changed,
    NotAsked,
    NotYours,
    SelfApproval,
    TooSoon,
    ask_again,
    consume,
    decide_approval,
    hand_over,
    narrow,
    remind,
    request_approval,
    withdraw_approval,
)

BOUND = {"inputs": "a", "version": "b", "policy_version": 3, "rules": ["bulk"], "connection": None}


def approve(approval, reviewer, **fields):
    return decide_approval(
        approval, reviewer=reviewer, **({"decision": "approved", "digest": approval.digest} | fields)
    )


def told(kind):
    return set(Notification.objects.filter(kind=kind).values_list("person", flat=True))


def bound_to(**parts) -> dict:
    return {"bound": BOUND | parts}


# --- Reminding ---------------------------------------------------------------------------------------------------


def test_the_requester_reminds_once_an_hour_and_nobody_else(ask, creator, approver, admin, owner, trail):
    approval = ask(ask=Ask(stages=(Stage("approvers", 2),)))
    approve(approval, owner)
    with pytest.raises(NotYours):
        remind(approval, actor=admin)
    remind(approval, actor=creator)
    assert told("approval_reminder") == {approver.pk, admin.pk}  # whoever has spoken is not asked again
    with pytest.raises(TooSoon) as refused:
        remind(approval, actor=creator)
    assert refused.value.status == 429
    Approval.objects.filter(pk=approval.pk).update(reminded_at=timezone.now() - timedelta(minutes=61))
    remind(approval, actor=creator)
    assert trail("approval.reminded") == ["approval.reminded"] * 2


def test_nobody_is_reminded_of_what_is_decided(ask, creator, approver):
    approval = ask()
    approve(approval, approver)
    with pytest.raises(AlreadyDecided):
        remind(approval, actor=creator)


# --- Withdrawing -------------------------------------------------------------------------------------------------


def test_withdrawn_while_a_page_is_open_is_told_to_the_reviewer(ask, creator, approver):
    approval = ask()
    shown = Approval.objects.get(pk=approval.pk)
    withdraw_approval(approval, actor=creator)
    with pytest.raises(AlreadyDecided, match="took this back"):
        approve(shown, approver)


# --- Handing over ------------------------------------------------------------------------------------------------


def test_a_reviewer_hands_a_request_to_another_who_may_answer(ask, approver, admin, owner):
    approval = ask()
    hand_over(approval, to=admin, actor=approver, note="You know this customer")
    assert approval.assigned_to == admin
    row = Notification.objects.get(kind="approval_handed")
    assert (row.person, row.by, row.note) == (admin, approver, "You know this customer")
    event = AuditEvent.objects.get(action="approval.handed_over")
    assert AuditDetail.objects.get(event_id=event.pk).fields["after.assigned_to"] == str(admin.pk)
    assert approve(approval, owner).status == "approved"  # the others still may


@pytest.mark.parametrize("to", ["creator", "approver", "member", "auditor", "stranger"])
def test_it_is_handed_to_nobody_who_may_not_answer(ask, cast, approver, to):
    approval = ask()
    with pytest.raises(Invalid) as refused:
        hand_over(approval, to=cast[to], actor=approver)
    approval.refresh_from_db()
    assert (list(refused.value.fields), approval.assigned_to) == (["to"], None)


def test_only_who_is_asked_hands_over(ask, creator, admin, member):
    approval = ask()
    with pytest.raises(SelfApproval):
        hand_over(approval, to=admin, actor=creator)
    with pytest.raises(NotAsked):
        hand_over(approval, to=admin, actor=member)


# --- What changed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"inputs": "z"}, ["the inputs"]),
        ({"version": "z", "inputs": "z"}, ["the inputs", "the version"]),
        ({"policy_version": 4, "rules": []}, ["the rules"]),
        ({"connection": ["id", 2, "host"]}, ["the connection or its secret"]),
        ({"undo_window": 5}, ["the undo window"]),
        ({}, []),
    ],
)
def test_what_changed_is_said_in_words(parts, words):
    assert changes(BOUND, BOUND | parts) == words


def test_what_is_not_known_is_not_said_to_have_changed():
    assert changes({}, BOUND) == changes(BOUND, {}) == []


def test_a_request_that_changed_comes_back_and_says_what_is_new(ask, approver, admin, creator, trail):
    """Whoever had said yes is told, and their yes does not carry over."""
    subject = uuid4()
    two = Ask(stages=(Stage("approvers", 2),))
    old = ask(subject_id=subject, ask=two, **bound_to())
    approve(old, approver)
    new = ask(subject_id=subject, ask=two, **bound_to(inputs="z", version="z"))
    old.refresh_from_db()
    assert (old.status, new.again, new.facts["changed"]) == ("withdrawn", old, ["the inputs", "the version"])
    row = Notification.objects.get(kind="approval_changed")
    assert (row.person, row.target_id, row.note) == (approver, new.pk, "Changed: the inputs, the version.")
    approve(new, admin)
    assert new.status == "pending"
    assert approve(new, approver).status == "approved"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"inputs": "z"}, "the inputs"),
        ({"target": "mail.shout"}, "what is called"),
        ({"version": "z"}, "the version"),
        ({"policy_version": 4}, "the rules"),
        ({"connection": ["id", 2, "host"]}, "the connection or its secret"),
        ({"mode": "live"}, "whether it is simulated"),
    ],
)
def test_a_use_of_anything_else_is_refused_and_says_what_changed(ask, approver, parts, words):
    approval = ask(**bound_to())
    approve(approval, approver)
    now = BOUND | parts
    with pytest.raises(ApprovalChanged, match=words) as refused, transaction.atomic():
        consume(approval, digest=digest_of(now), bound=now)
    assert (refused.value.changed, approval.consumed_at) == ([words], None)


# --- Narrowing ---------------------------------------------------------------------------------------------------


@pytest.fixture
def mailing(workspace, creator, monkeypatch):
    """``mailing(records)``: a request to mail so many; its kind narrows to fewer, and believes what it is told."""
    monkeypatch.setattr(subjects, "_subjects", {})

    def asked(records, wider=None, **fields):
        bound = bound_to(inputs=records, **fields.pop("parts", {}))
        values = {
            "subject_kind": "mailing",
            "subject_id": wider.subject_id if wider else uuid4(),
            "summary": f"Mail {records} people",
            "facts": {"inputs": {"to": records}},
            "requested_by": creator,
            "records": records,
            "narrowed_from": wider,
        }
        return request_approval(workspace, **(values | bound | fields))

    def narrowed(approval, reviewer, values):
        return asked(values.pop("records"), approval, **values)

    def again(approval, actor):
        return asked(approval.records, again=approval, parts={"version": "newer"})

    subjects.register("mailing", subjects.Subject("mailing", lambda approval: None, narrow=narrowed, again=again))
    return asked


def test_a_reviewer_narrows_a_request_and_both_texts_stay(mailing, approver, admin, creator, trail):
    wide = mailing(400)
    small = narrow(wide, reviewer=approver, digest=wide.digest, values={"records": 40})
    assert (wide.status, small.status, small.narrowed_from, small.requested_by) == (
        "withdrawn",
        "pending",
        wide,
        creator,
    )
    assert (wide.facts["inputs"], small.facts["inputs"]) == ({"to": 400}, {"to": 40})
    assert told("approval_narrowed") == {creator.pk}
    assert trail("approval.") == [
        "approval.requested",
        "approval.withdrawn",
        "approval.requested",
        "approval.narrowed",
    ]
    with pytest.raises(SelfApproval):
        approve(small, creator)
    with pytest.raises(AlreadyDecided):
        approve(wide, admin)
    assert approve(small, approver).status == "approved"


def test_whoever_said_yes_to_the_wider_request_is_told(mailing, approver, admin):
    wide = mailing(400, ask=Ask(stages=(Stage("approvers", 2),)))
    approve(wide, admin)
    small = narrow(wide, reviewer=approver, digest=wide.digest, values={"records": 40})
    row = Notification.objects.get(kind="approval_changed")
    assert (row.person, row.target_id, row.note) == (admin, small.pk, "Changed: the inputs.")


@pytest.mark.parametrize(
    "values",
    [
        {"records": 401},
        {"records": None},
        {"records": 40, "data_classes": ["email"]},
        {"records": 40, "target": "mail.shout"},
        {"records": 40, "effect": "delete"},
    ],
)
def test_a_request_only_becomes_less(mailing, approver, values):
    wide = mailing(400)
    with pytest.raises(Invalid, match="not less"):
        narrow(wide, reviewer=approver, digest=wide.digest, values=values)
    wide.refresh_from_db()
    assert (wide.status, Approval.objects.count()) == ("pending", 1)


def test_only_who_may_decide_narrows_and_only_what_they_saw(mailing, approver, member, creator, admin):
    wide = mailing(400)
    with pytest.raises(NotAsked):
        narrow(wide, reviewer=member, digest=wide.digest, values={"records": 40})
    with pytest.raises(SelfApproval):
        narrow(wide, reviewer=creator, digest=wide.digest, values={"records": 40})
    with pytest.raises(Changed):
        narrow(wide, reviewer=approver, digest="f" * 64, values={"records": 40})
    with pytest.raises(Invalid, match="changes nothing"):
        narrow(wide, reviewer=approver, digest=wide.digest, values={"records": 400})
    approve(wide, admin)
    with pytest.raises(AlreadyDecided):
        narrow(wide, reviewer=approver, digest=wide.digest, values={"records": 40})


def test_what_was_decided_while_its_kind_put_less_together_is_not_replaced(mailing, approver, admin):
    """The kind locks what it is about first, so the wider request is looked at once more when the new one is made."""
    wide = mailing(400)
    approve(Approval.objects.get(pk=wide.pk), admin)
    with pytest.raises(AlreadyDecided):
        mailing(40, wide)


def test_what_has_no_smaller_form_is_decided_as_it_is(ask, approver):
    approval = ask(subject_kind="nothing known")
    with pytest.raises(Invalid, match="decided as it is"):
        narrow(approval, reviewer=approver, digest=approval.digest, values={})


# --- Asking again ------------------------------------------------------------------------------------------------


def test_a_requester_asks_again_and_the_new_request_names_the_old(mailing, creator, approver, admin):
    old = mailing(40)
    with pytest.raises(Conflict, match="still waits"):
        ask_again(old, actor=creator)
    approve(old, approver, decision="rejected", note="Not today")
    with pytest.raises(NotYours):
        ask_again(old, actor=admin)
    new = ask_again(old, actor=creator)
    assert (new.again, new.status, new.facts["changed"]) == (old, "pending", ["the version"])


def test_what_holds_needs_no_second_asking(mailing, creator, approver):
    approval = mailing(40)
    approve(approval, approver)
    with pytest.raises(Conflict, match="still holds"):
        ask_again(approval, actor=creator)
    with transaction.atomic():
        consume(approval, digest=approval.digest)
    assert ask_again(approval, actor=creator).again == approval


def test_what_cannot_be_asked_again_says_where_to_begin(ask, creator):
    approval = ask(subject_kind="nothing known")
    withdraw_approval(approval, actor=creator)
    with pytest.raises(Invalid) as refused:
        ask_again(approval, actor=creator)
    assert refused.value.next_step


# --- Risk, and who is told how -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "risk"),
    [
        ({"effect": "read"}, Risk.LOW),
        ({"effect": "write", "simulated": True}, Risk.LOW),
        ({"effect": "write"}, Risk.NORMAL),
        ({}, Risk.NORMAL),
        ({"effect": "read", "is_bulk": True}, Risk.HIGH),
        ({"effect": "delete"}, Risk.HIGH),
        ({"effect": "delete", "simulated": True}, Risk.NORMAL),
        ({"is_bulk": True, "simulated": True}, Risk.NORMAL),
    ],
)
def test_risk_is_what_may_come_of_it(ask, approver, fields, risk):
    approval = ask(**fields)
    assert risk_of(approval) == risk
    kind = "approval_asked_low" if risk == Risk.LOW else "approval_asked"
    assert approver.pk in told(kind)
    approve(approval, approver, decision="rejected", note="No")
    assert not Notification.objects.filter(kind=kind, read_at=None).exists()
