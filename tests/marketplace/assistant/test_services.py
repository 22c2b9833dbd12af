"""Advice put away, put off, acted on and judged; what is prepared is a request for a person, and never more."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent, Notification
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from marketplace.assistant.acting import act
from marketplace.assistant.judging import JUDGED_AFTER, judge_due, verdict_on
from marketplace.assistant.measures import measure_of
from marketplace.assistant.models import Advice
from marketplace.assistant.records import quiet_rules, records_of
from marketplace.assistant.rules import BY_NAME
from marketplace.assistant.services import (
    DOERS,
    AdviceOver,
    advise_due,
    dismiss,
    forget_old,
    renew,
    snooze,
    something_moved,
)
from policies.models import Approval, Change
from policies.recommending import advised_for
from policies.services.approvals import decide_approval
from policies.services.changes import NotMember
from registry.models import Version
from registry.signals import pin_moved
from tests.factories import make_staff
from tests.marketplace.assistant.fixtures import PROOFS
from tests.marketplace.assistant.test_reading import calls
from tests.registry.samples import action, connector, publish


@pytest.fixture(autouse=True)
def nobody_looked(workspace, other_workspace):
    """The cache outlives a test."""
    for one in (workspace, other_workspace):
        something_moved(one.pk)


@pytest.fixture
def advice(advised, held, new):
    return advised("update_available")


def test_what_is_dismissed_is_not_said_again_unless_it_grows_more_urgent(workspace, advised, advice, old, admin):
    dismiss(advice, actor=admin, reason="  Next   quarter. ")
    assert advised("update_available") is None
    advice.refresh_from_db()
    assert (advice.state, advice.ended_by, advice.reason) == ("dismissed", admin, "Next quarter.")
    event = AuditEvent.objects.get(action="advice.dismissed")
    assert (event.actor_id, event.target_id) == (str(admin.pk), str(advice.pk))
    assert advised("update_available", timezone.now() + timedelta(days=91))
    with pytest.raises(AdviceOver):
        dismiss(advice, actor=admin, reason="Twice")


def test_who_can_only_ask_puts_nothing_away_for_everybody(advice, member):
    with pytest.raises(NotGranted):
        dismiss(advice, actor=member, reason="Not me")
    with pytest.raises(NotGranted):
        snooze(advice, actor=member, until=timezone.now() + timedelta(days=1))
    assert set(DOERS) == set(BY_NAME)


def test_a_reason_is_needed_to_dismiss(advice, admin):
    with pytest.raises(Invalid, match="Say why"):
        dismiss(advice, actor=admin, reason=" ")
    with pytest.raises(IntegrityError, match="advice_dismissed_with_reason"), transaction.atomic():
        Advice.objects.filter(pk=advice.pk).update(state="dismissed", ended_at=timezone.now(), ended_by=admin)


def test_what_is_put_off_comes_back_and_closes_itself_all_the_same(workspace, advised, advice, new, held, admin):
    snooze(advice, actor=admin, until=timezone.now() + timedelta(days=7))
    assert not Advice.objects.shown().exists()
    assert Advice.objects.shown(timezone.now() + timedelta(days=8)).exists()
    with pytest.raises(Invalid):
        snooze(advice, actor=admin, until=timezone.now() + timedelta(days=91))
    held.pin.version, held.pin.digest = new, new.digest
    held.pin.save()
    renew(workspace)
    advice.refresh_from_db()
    assert advice.state == "closed"


def test_who_only_looks_in_answers_nothing(workspace, advice):
    with pytest.raises(NotMember):
        dismiss(advice, actor=make_staff(), reason="x")
    with pytest.raises(NotMember):
        act(advice, actor=make_staff())


def test_an_update_is_asked_for_in_the_name_of_who_acts_and_made_by_a_persons_yes(
    workspace, advice, held, new, member, approver, django_capture_on_commit_callbacks
):
    prepared = act(advice, actor=member)
    change = Change.objects.get(pk=prepared.change)
    held.pin.refresh_from_db()
    assert (change.state, change.asked_by, held.pin.version_id == new.pk) == ("waiting", member, False)
    assert change.reason.startswith("The Assistant: Acme can go from 1.2.0 to 1.3.0, an addition.")
    told = advised_for(workspace.pk, change.pk)
    assert (told.sentence, told.url) == (str(advice), advice.get_absolute_url())
    advice.refresh_from_db()
    assert (advice.is_open, advice.acted_by, advice.made) == (True, member, change.pk)
    with django_capture_on_commit_callbacks(execute=True):
        decide_approval(
            change.approval, reviewer=approver, decision="approved", note="Yes", digest=change.approval.digest
        )
    held.pin.refresh_from_db()
    assert held.pin.version_id == new.pk
    assert AuditEvent.objects.filter(action="advice.acted", actor_id=str(member.pk)).count() == 1


def test_who_may_do_it_is_led_to_the_page_where_they_confirm_it(advice, held, new, admin):
    prepared = act(advice, actor=admin)
    assert prepared.change is None
    assert prepared.url.endswith(f"/version/?to={new.digest}")
    held.pin.refresh_from_db()
    assert held.pin.version_id != new.pk
    assert not Approval.objects.exists()


def test_it_agrees_to_nothing_on_anybodys_behalf(advised, held, member):
    publish(connector("acme", "1.4.0", action(), action("read_secrets", "secrets.read")))
    advice = advised("update_available")
    assert "It asks for more" in " ".join(advice.told)
    prepared = act(advice, actor=member)
    assert prepared.change is None
    assert not Change.objects.exists()


def test_what_is_there_no_more_is_not_asked_for(advice, new, member):
    Version.objects.filter(pk=new.pk).update(status="yanked", yanked_at=timezone.now(), yank_reason="Broken.")
    with pytest.raises(Exception, match="any more") as refused:
        act(advice, actor=member)
    assert refused.value.code == "no_longer_offered"


def test_whoever_can_do_something_about_it_finds_news_in_the_digest(workspace, advised, probe, admin, member):
    calls(probe, "probe.put", bad=6)
    advice = advised("keeps_failing")
    news = Notification.objects.filter(kind="advice_given", target_id=advice.pk)
    assert news.filter(person=admin, later=True).exists()
    assert not news.filter(person=member).exists()
    dismiss(advice, actor=admin, reason="Known")
    assert not news.unread().exists()


def test_a_rule_that_is_mostly_dismissed_is_told_less(workspace, admin, held):
    fields = {
        "workspace": workspace, "rule": "slow", "subject_kind": "registry.installation", "subject_id": held.pk,
        "needs": "view_listing", "sentence": {"template": "x", "values": {}}, "step": {}, "digest": "0" * 64,
    }  # fmt: skip
    over = {"state": "dismissed", "ended_at": timezone.now(), "ended_by": admin, "reason": "No"}
    Advice.objects.bulk_create(Advice(**fields, **over, key=str(number)) for number in range(4))
    assert quiet_rules(workspace) == frozenset()
    Advice.objects.create(**fields, **over, key="4")
    assert quiet_rules(workspace) == {"slow"}
    record = next(one for one in records_of(workspace) if one.rule.name == "slow")
    assert (record.given, record.dismissed, record.is_quiet) == (5, 5, True)
    acted = {"acted_at": timezone.now(), "acted_by": admin, "judge_at": timezone.now()}
    Advice.objects.bulk_create(Advice(**fields, **acted, key=f"a{number}") for number in range(4))
    assert quiet_rules(workspace) == frozenset()


def test_what_was_acted_on_is_judged_seven_days_later(workspace, advice, held, new, member):
    calls(held, "acme.put", good=9, bad=1)
    act(advice, actor=member)
    held.pin.version, held.pin.digest = new, new.digest
    held.pin.save()
    later = timezone.now() + JUDGED_AFTER + timedelta(minutes=1)
    assert judge_due(workspace) == 0
    assert judge_due(workspace, later) == 1
    advice.refresh_from_db()
    assert (advice.measure["bad"], advice.measure["of"], advice.measure["done"]) == (1, 10, False)
    assert (advice.verdict, advice.after["done"]) == ("unknown", True)  # nothing was called since
    assert judge_due(workspace, later) == 0


def measured(what: str, bad: int, of: int, done: bool | None = None) -> dict:
    return {"what": what, "bad": bad, "of": of, "target": "", "done": done}


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (measured("version", 1, 20), measured("version", 1, 20, True), "helped"),
        (measured("version", 1, 20), measured("version", 3, 20, True), "did_not"),
        (measured("version", 1, 20), measured("version", 0, 20, False), "unknown"),
        (measured("version", 1, 20), measured("version", 0, 4, True), "unknown"),
        (measured("errors", 10, 20), measured("errors", 5, 20), "helped"),
        (measured("errors", 10, 20), measured("errors", 6, 20), "did_not"),
        (measured("errors", 10, 20), measured("errors", 0, 4), "unknown"),
        (measured("refused", 10, 40), measured("refused", 5, 40), "helped"),
        (measured("refused", 10, 40), measured("refused", 6, 40), "did_not"),
        (measured("refused", 10, 40), measured("refused", 0, 0), "unknown"),
        (measured("asked", 10, 10), measured("asked", 0, 12), "helped"),
        (measured("waiting", 8, 8), measured("waiting", 5, 5), "did_not"),
        (measured("connected", 1, 1), measured("connected", 0, 1), "helped"),
        (measured("requirement", 1, 1), measured("requirement", 1, 1), "did_not"),
        (measured("live", 1, 1), measured("live", 0, 1), "helped"),
        (measured("p95", 3000, 40), measured("p95", 2000, 40), "helped"),
        (measured("p95", 3000, 40), measured("p95", 2001, 40), "did_not"),
        (measured("p95", 3000, 40), measured("p95", 1, 19), "unknown"),
        (measured("denied_by_rule", 0, 40, False), measured("denied_by_rule", 0, 40, True), "helped"),
        (measured("denied_by_rule", 0, 40, False), measured("denied_by_rule", 2, 40, True), "did_not"),
        (measured("denied_by_rule", 0, 40, False), measured("denied_by_rule", 0, 40, False), "unknown"),
    ],
)
def test_a_judgement_is_sums_alone(before, after, verdict):
    assert verdict_on(before, after) == verdict


def test_every_rule_can_be_measured(workspace, held, member):
    for name, proof in PROOFS.items():
        (draft,) = BY_NAME[name].judge(proof.facts)
        row = Advice(
            workspace=workspace, rule=name, installation=held, key=draft.key, step=draft.step.as_json(),
            measure=draft.measure.as_json(),
        )  # fmt: skip
        assert measure_of(row)["what"] == draft.measure.what


def test_the_sweep_looks_into_every_workspace_and_one_that_fails_holds_up_no_other(
    workspace, other_workspace, stranger, held, new
):
    now = timezone.now()
    with workspace_scope([other_workspace.pk]):
        broken = Advice.objects.create(
            workspace=other_workspace, rule="slow", subject_kind="core.workspace", subject_id=other_workspace.pk,
            needs="view_listing", sentence={"template": "x", "values": {}}, step={}, digest="0" * 64, state="closed",
            ended_at=now, acted_at=now, acted_by=stranger, judge_at=now, measure={"what": "nothing there is"},
        )  # fmt: skip
    assert advise_due() == 1
    with workspace_scope([other_workspace.pk]):
        broken.refresh_from_db()
        assert broken.judged_at is None


def test_a_sweep_looks_every_half_hour_and_at_once_where_something_moved(workspace, held, new):
    assert (advise_due(), advise_due()) == (1, 0)
    held.pin.version, held.pin.digest = new, new.digest
    held.pin.save()
    advise_due()
    assert Advice.objects.get().is_open
    pin_moved.send_robust(sender=type(held.pin), installation=held)
    advise_due()
    assert not Advice.objects.get().is_open


def test_advice_of_another_workspace_is_not_there(advice, other_workspace, stranger):
    with workspace_scope([other_workspace.pk]):
        assert not Advice.objects.exists()
        assert not Advice.objects.visible_to(stranger, other_workspace).exists()


@pytest.mark.parametrize(
    ("person", "rules"),
    [("admin", {"update_available", "keeps_failing"}), ("member", {"update_available", "keeps_failing"})],
)
def test_who_sees_what(cast, workspace, advised, held, new, person, rules):
    calls(held, "acme.put", bad=6)
    advised("keeps_failing")
    rows = Advice.objects.visible_to(cast[person], workspace)
    assert set(rows.values_list("rule", flat=True)) == rules


def test_what_was_over_for_a_year_is_forgotten_by_the_sweep(workspace, advice, admin):
    dismiss(advice, actor=admin, reason="Next year.")
    almost = timezone.now() + timedelta(days=364)
    assert forget_old(workspace, almost) == 0
    Advice.objects.filter(pk=advice.pk).update(judge_at=almost)  # somebody acted before: it is judged first
    assert forget_old(workspace, almost + timedelta(days=2)) == 0
    Advice.objects.filter(pk=advice.pk).update(judge_at=None)
    something_moved(workspace.pk)
    advise_due(almost + timedelta(days=2))
    assert not Advice.objects.filter(pk=advice.pk).exists()
    assert AuditEvent.objects.filter(action="advice.dismissed", target_id=str(advice.pk)).exists()


def test_what_is_open_is_never_forgotten(workspace, advice):
    assert forget_old(workspace, timezone.now() + timedelta(days=4000)) == 0
