"""WSAO: live, successful and not taken back, by weeks from Monday on; and who made them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from sandbox.metrics.rolling import roll_up
from sandbox.models import Charge, Outcome, Run
from sandbox.outcomes import wsao
from sandbox.outcomes.attribution import costs_of, makers_of, with_part
from sandbox.outcomes.weeks import counting_in, history, week_named, week_of
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged
from tests.sandbox.run_rows import make_outcome, make_run


@pytest.fixture
@staged
def parts(workspace, admin):
    """A connector, a transform and a pack that calls both."""
    return installed(workspace, admin, PROBE, TIDY, PACK)


@pytest.fixture
def reach(workspace, admin, parts):
    probe, tidy, pack = parts

    def made(*, mode="live", is_success=True, reached_at=None, steps=("tidy", "probe"), state="succeeded"):
        run = make_run(workspace, pack, admin, mode=mode, scenario="", kind="pack")
        for at, step in enumerate(steps):
            one = tidy if step == "tidy" else probe
            make_run(
                workspace, one, admin, mode=mode, scenario="", parent=run, step_id=f"s{at}", target=step, state=state
            )
        return make_outcome(run, is_success=is_success, reached_at=reached_at)

    return made


def test_a_week_begins_on_monday_at_midnight_utc():
    sunday = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    assert week_of(sunday).day == "2026-11-16" and week_of(sunday + timedelta(seconds=1)).day == "2026-11-23"
    assert week_named("2026-11-25") == week_of(datetime(2026, 11, 23, tzinfo=UTC))
    assert [week_named(day) for day in ("yesterday", "0001-01-01", "9999-12-31", "2026-02-30", "")] == [None] * 5


def test_counted_is_live_and_successful_and_not_undone(workspace, reach):
    reach()
    reach(is_success=False)
    reach(mode="simulated")
    undone = reach()
    Outcome.objects.filter(pk=undone.pk).update(undone_at=timezone.now())
    reach(reached_at=week_of().since - timedelta(seconds=1))
    assert wsao(workspace) == 1 and wsao(workspace, week_of().since - timedelta(days=1)) == 1
    assert [number for _, number in history(workspace)][-2:] == [1, 1] and len(history(workspace)) == 12


def test_outcomes_are_their_packs_and_of_every_step_that_ran_well(workspace, parts, reach):
    probe, tidy, pack = parts
    reach()
    reach(steps=("tidy", "tidy"))
    reach(steps=("probe",), state="failed")
    week = week_of()
    counted = counting_in(workspace, week.since, week.until)
    assert [(part.slug, part.outcomes) for part in makers_of(counted)] == [
        (pack.extension.slug, 3),
        (tidy.extension.slug, 2),
        (probe.extension.slug, 1),
    ]
    for one, number in ((pack, 3), (tidy, 2), (probe, 1)):
        assert with_part(counted, one.pk).count() == number
        assert with_part(counted, one.pk, one.pin.version_id).count() == number
    assert with_part(counted, tidy.pk, pack.pin.version_id).count() == 0


def test_what_an_earlier_run_had_done_made_the_outcome_too(workspace, admin, parts, reach):
    """A pack failed after its first step, twice, and the third run went on to the end."""
    probe, tidy, pack = parts
    first = make_run(workspace, pack, admin, mode="live", scenario="", kind="pack", state="failed")
    make_run(workspace, tidy, admin, mode="live", scenario="", parent=first, step_id="s0", target="tidy")
    second = make_run(workspace, pack, admin, mode="live", scenario="", kind="pack", state="failed", resumes=first)
    make_run(workspace, probe, admin, mode="live", scenario="", parent=second, step_id="s1", target="p", state="failed")
    last = reach(steps=("probe",))
    Run.objects.filter(pk=last.run_id).update(resumes=second)
    reach()
    counted = counting_in(workspace, week_of().since, week_of().until)
    assert {part.slug: part.outcomes for part in makers_of(counted)} == {
        one.extension.slug: 2 for one in (pack, tidy, probe)
    }
    assert with_part(counted, tidy.pk).count() == 2


def test_cost_is_shared_by_those_that_succeeded(workspace, parts, reach):
    probe, _, pack = parts
    outcomes = [reach(), reach(), reach(is_success=False)]
    for outcome in outcomes:
        ids = {"run_id": outcome.pk, "root_run_id": outcome.run_id, "installation": probe}
        price = {"unit": "call", "units": 1, "currency": "EUR", "amount": Decimal("0.04")}
        Charge.objects.create(
            workspace=workspace, version=probe.pin.version, target="probe", charged_at=timezone.now(), **ids, **price
        )
    week = week_of()
    (cost,) = costs_of(workspace, week.since, week.until)
    assert (cost.target, cost.outcomes, cost.money) == (pack.extension.slug, 2, {"EUR": Decimal("0.12")})
    assert cost.each == {"EUR": Decimal("0.06")}


def test_a_member_counts_the_outcomes_of_their_own_runs(workspace, member, reach):
    reach()
    week = week_of()
    assert counting_in(workspace, week.since, week.until, member).count() == 0
    assert history(workspace, member)[-1][1] == 0


def test_another_workspace_counts_none_of_these(other_workspace, workspace, reach):
    reach()
    roll_up()
    with workspace_scope([other_workspace.pk]):
        assert wsao(workspace) == 0 and wsao(other_workspace) == 0


def test_the_page_says_in_words_what_was_reached_and_what_proves_it(client_of, workspace, admin, reach):
    reach()
    page = client_of(admin).get(reverse("sandbox:outcome-list", args=[workspace.slug])).text
    assert "Lead followed up" in page and "A changed state in the other system" in page
    assert "downstream_state" not in page
