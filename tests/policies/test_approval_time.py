"""What time does to requests: their end is a no, ladders are climbed, reviewers reminded, and clocks may be wrong."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import AuditDetail, AuditEvent, Notification
from galaxy.core.scope import workspace_scope
from policies.clock import database_now
from policies.models import Approval
from policies.rules.asks import Ask, Escalation, Stage
from policies.rules.parts import Hours
from policies.services import sweeping
from policies.services.approvals import (
    ApprovalExpired,
    NotAsked,
    consume,
    decide_approval,
    escalate_approvals,
    expire_approvals,
    forecast,
    remind_of_approvals,
)
from policies.tasks import escalate_approvals as escalate_task
from policies.tasks import remind_of_approvals as remind_task
from policies.working_time import LONGEST_WAIT, after

HOUR = 3600
BERLIN = Hours((1, 2, 3, 4, 5), "09:00", "18:00", "Europe/Berlin")
LADDER = Ask(
    stages=(Stage("role:approver"),),
    escalate=(Escalation(2 * HOUR, "role:admin"), Escalation(4 * HOUR, "role:owner")),
)


def approve(approval, reviewer):
    return decide_approval(approval, reviewer=reviewer, decision="approved", digest=approval.digest)


def told(kind):
    return set(Notification.objects.filter(kind=kind).values_list("person", flat=True))


def in_berlin(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+01:00").astimezone(UTC)


# --- Working time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        ("2026-11-25T10:00", 2, "2026-11-25T12:00"),  # a Wednesday
        ("2026-11-25T17:00", 2, "2026-11-26T10:00"),  # over the evening
        ("2026-11-27T17:30", 1, "2026-11-30T09:30"),  # over the week-end
        ("2026-11-28T03:00", 1, "2026-11-30T10:00"),  # from the middle of it
        ("2026-11-25T09:00", 9, "2026-11-25T18:00"),  # a whole day, and not a second of the next
        ("2026-11-25T05:00", 45, "2026-12-01T18:00"),  # five days
    ],
)
def test_only_working_time_counts(start, hours, expected):
    assert after(in_berlin(start), hours * HOUR, BERLIN) == in_berlin(expected)


def test_all_time_counts_where_no_hours_are_named():
    start = datetime(2026, 11, 28, 3, tzinfo=UTC)
    assert after(start, HOUR, None) == start + timedelta(hours=1)


def test_hours_over_midnight_and_the_time_outside_of_hours_count_as_they_say():
    night = Hours((1,), "22:00", "06:00", "UTC")
    assert after(datetime(2026, 11, 30, 23, tzinfo=UTC), 6 * HOUR, night) == datetime(2026, 12, 1, 5, tzinfo=UTC)
    outside = Hours((1, 2, 3, 4, 5, 6, 7), "09:00", "18:00", "UTC", outside=True)
    assert after(datetime(2026, 11, 30, 8, tzinfo=UTC), 2 * HOUR, outside) == datetime(2026, 11, 30, 19, tzinfo=UTC)


def test_the_day_on_which_clocks_change_has_as_many_hours_as_it_has():
    """In Berlin the night of 25 October 2026 has an hour twice, so nine hours from midnight end at eight."""
    always = Hours((1, 2, 3, 4, 5, 6, 7), "00:00", "24:00", "Europe/Berlin")
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert after(start, 9 * HOUR, always) == start + timedelta(hours=9)
    morning = Hours((7,), "00:00", "08:00", "Europe/Berlin")
    assert after(start, 9 * HOUR, morning) == datetime(2026, 10, 25, 7, tzinfo=UTC)


def test_hours_that_never_come_are_not_waited_for():
    start = datetime(2026, 11, 25, tzinfo=UTC)
    assert after(start, HOUR, Hours((), "09:00", "18:00", "UTC")) == start + LONGEST_WAIT


def test_expiry_and_ladder_count_in_the_hours_that_the_ask_names(ask):
    hours = Ask(stages=LADDER.stages, escalate=LADDER.escalate, expires_s=5 * HOUR, business_hours=BERLIN)
    approval = ask(ask=hours)
    start = approval.requested_at
    assert approval.expires_at == after(start, 5 * HOUR, BERLIN)
    steps = [datetime.fromisoformat(step["at"]) for step in approval.ladder]
    assert steps == [after(start, 2 * HOUR, BERLIN), after(start, 4 * HOUR, BERLIN)]


# --- The ladder --------------------------------------------------------------------------------------------------


def test_the_ladder_is_climbed_step_by_step_and_each_is_in_the_trail(ask, approver, admin, owner, trail):
    approval = ask(ask=LADDER)
    start = approval.requested_at
    assert told("approval_asked") == {approver.pk}
    with pytest.raises(NotAsked):
        approve(approval, admin)
    with workspace_scope():
        assert escalate_approvals(start + timedelta(minutes=119)) == 0
        assert escalate_approvals(start + timedelta(hours=2)) == 1
        assert escalate_approvals(start + timedelta(hours=2)) == 0
    assert approval.stages.get().reviewers == ["role:approver", "role:admin"]
    assert told("approval_escalated") == {admin.pk}
    with pytest.raises(NotAsked):
        approve(approval, owner)
    with workspace_scope():
        assert escalate_approvals(start + timedelta(hours=4)) == 1
    assert told("approval_escalated") == {admin.pk, owner.pk}
    assert trail("approval.escalated") == ["approval.escalated"] * 2
    event = AuditEvent.objects.filter(action="approval.escalated").earliest("id")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert (event.actor_kind, fields["after.reviewers"]) == ("system", ["role:approver", "role:admin"])
    assert approve(approval, owner).status == "approved"


def test_steps_that_were_missed_are_all_taken(ask, admin, owner, approver):
    approval = ask(ask=LADDER)
    with workspace_scope():
        assert escalate_approvals(approval.requested_at + timedelta(hours=23)) == 1
        assert escalate_approvals(approval.requested_at + timedelta(hours=25)) == 0
    assert approval.stages.get().reviewers == ["role:approver", "role:admin", "role:owner"]


def test_a_later_stage_is_widened_quietly_and_a_done_one_not_at_all(ask, approver, admin, owner):
    approval = ask(
        ask=Ask(
            stages=(Stage("role:approver"), Stage("role:owner")),
            escalate=(Escalation(HOUR, "role:admin", 0), Escalation(HOUR, "role:admin", 1)),
        )
    )
    approve(approval, approver)
    with workspace_scope():
        escalate_approvals(approval.requested_at + timedelta(hours=1))
    assert [stage.reviewers for stage in approval.stages.all()] == [["role:approver"], ["role:owner", "role:admin"]]
    assert told("approval_escalated") == {admin.pk}


def test_steps_after_the_end_never_come(ask):
    approval = ask(ask=Ask(escalate=(Escalation(25 * HOUR, "role:owner"),)))
    assert approval.ladder == []


def test_what_is_decided_climbs_no_more(ask, approver):
    approval = ask(ask=LADDER)
    approve(approval, approver)
    with workspace_scope():
        assert escalate_approvals(approval.requested_at + timedelta(hours=5)) == 0
        assert (escalate_task.run(), remind_task.run()) == (0, 0)


# --- Reminders ---------------------------------------------------------------------------------------------------


def test_reviewers_are_reminded_once_at_half_time(ask, approver, admin, owner, trail):
    approval = ask()
    half = approval.requested_at + timedelta(hours=12)
    with workspace_scope():
        assert remind_of_approvals(half - timedelta(seconds=1)) == 0
        assert remind_of_approvals(half) == 1
        assert remind_of_approvals(half + timedelta(hours=1)) == 0
    assert told("approval_reminder") == {approver.pk, admin.pk, owner.pk}
    assert trail("approval.reminded") == ["approval.reminded"]


# --- The end -----------------------------------------------------------------------------------------------------


@pytest.fixture
def host_clock(monkeypatch):
    """``host_clock(timedelta)``: this host's clock is wrong by so much from here on."""
    real = timezone.now

    def set_wrong(by):
        monkeypatch.setattr(timezone, "now", lambda: real() + by)

    return set_wrong


def test_expiry_means_no_though_every_worker_was_down(ask, approver, trail):
    """An hour past its end, and nobody swept: neither a vote nor a use, and the sweep that comes back says no."""
    undecided, unused = ask(), ask()
    approve(unused, approver)
    past = database_now() - timedelta(hours=1)
    Approval.objects.filter(pk=unused.pk).update(decided_at=past - timedelta(hours=2))
    Approval.objects.update(requested_at=past - timedelta(days=1), expires_at=past)
    undecided.refresh_from_db()
    assert not Approval.objects.waiting().exists() and not undecided.is_pending
    with pytest.raises(ApprovalExpired):
        approve(undecided, approver)
    with pytest.raises(ApprovalExpired), transaction.atomic():
        consume(unused, digest=unused.digest)
    with workspace_scope():
        assert expire_approvals() == 1
    undecided.refresh_from_db()
    assert undecided.status == "expired"


@pytest.mark.parametrize("by", [timedelta(days=-2), timedelta(days=2)])
def test_a_host_whose_clock_jumps_neither_lengthens_nor_shortens_anything(ask, approver, host_clock, by):
    fresh, used, over = ask(), ask(), ask()
    approve(used, approver)
    Approval.objects.filter(pk=over.pk).update(expires_at=database_now() - timedelta(seconds=1))
    host_clock(by)
    asked_now = ask("Asked by the host that is wrong")
    assert abs(asked_now.expires_at - database_now() - timedelta(days=1)) < timedelta(minutes=1)
    with workspace_scope():
        assert expire_approvals() == 1  # what is over, and nothing else
        assert (escalate_approvals(), remind_of_approvals()) == (0, 0)
    with pytest.raises(ApprovalExpired):
        approve(over, approver)
    assert approve(fresh, approver).status == "approved"
    with transaction.atomic():
        consume(used, digest=used.digest)
    assert used.consumed_at and used.decided_at < used.expires_at


# --- The forecast ------------------------------------------------------------------------------------------------


def test_the_forecast_says_how_many_will_end_tonight_at_this_pace(workspace, ask, approver):
    now = datetime(2026, 11, 25, 18, tzinfo=UTC)
    assert forecast(workspace, now).sentence == ""
    for hours in (1, 4, 8, 11, 13):  # the last one ends after the morning
        approval = ask(f"In {hours} hours")
        Approval.objects.filter(pk=approval.pk).update(expires_at=now + timedelta(hours=hours))
    found = forecast(workspace, now)
    assert (found.ending, found.lost, found.until) == (4, 4, datetime(2026, 11, 26, 6, tzinfo=UTC))
    assert found.sentence == (
        "At this pace (0 decided in the last 24 hours), 4 of 4 requests that end tonight will expire undecided."
    )


@pytest.mark.parametrize(("per_day", "lost"), [(None, 4), (1, 4), (4, 3), (5, 2), (24, 1), (48, 0)])
def test_those_that_end_first_are_decided_first(per_day, lost):
    now = datetime(2026, 11, 25, 18, tzinfo=UTC)
    ends = [now + timedelta(hours=hours) for hours in (1, 4, 8, 11)]
    assert sweeping._lost(ends, now, timedelta(days=1) / per_day if per_day else None) == lost


@pytest.fixture
def far_morning(monkeypatch):
    """A night that lasts an hour yet at least, whenever the test runs."""
    monkeypatch.setattr(sweeping, "MORNING", (timezone.now().hour + 2) % 24)


def test_the_pace_is_that_of_people_over_the_last_day(workspace, ask, approver, admin, far_morning):
    two = ask(ask=Ask(stages=(Stage("approvers", 2),)))
    approve(two, approver)
    approve(two, admin)
    approve(ask(), approver)
    ask()
    Approval.objects.filter(status="pending").update(expires_at=database_now() + timedelta(seconds=30))
    found = forecast(workspace, database_now())
    assert (found.decided, found.ending, found.lost) == (2, 1, 1)


def test_the_queue_tells_whoever_sees_all_of_it_what_will_end_tonight(
    ask, client_of, approver, creator, workspace, far_morning
):
    Approval.objects.filter(pk=ask().pk).update(expires_at=database_now() + timedelta(minutes=1))
    queue = reverse("policies:approval-list", args=[workspace.slug])
    sentence = "1 of 1 request that ends tonight will expire undecided."
    assert sentence in client_of(approver).get(queue).text
    assert sentence not in client_of(approver).get(queue, {"tab": "decided"}).text
    assert sentence not in client_of(creator).get(queue).text  # who sees their own requests alone
