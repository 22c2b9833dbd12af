"""Who is told that a run went wrong: whoever started it, unless they saw it."""

import pytest

from galaxy.core.models import Notification
from galaxy.core.notifications.kinds import find
from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.services import invoke, perform, settle_run
from sandbox.services.claiming import Standing, claim
from sandbox.services.ending import end
from tests.extensions import PROBE, installed
from tests.playhouse import staged


@pytest.fixture
@staged
def run(workspace, admin):
    installed(workspace, admin, PROBE)
    return invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"})


def news():
    return [(row.kind, row.person, row.target_id) for row in Notification.objects.filter(target_kind="sandbox.run")]


def fail(run, **facts):
    held = claim(run.pk, lambda run: Standing({}, "", {}), lambda run: None)
    end(held, error=RunError(Category.TOOL_ERROR, "broke", sentence="It broke.", **facts))


def test_a_run_that_went_well_is_no_news(run):
    perform(run.pk)
    assert Run.objects.get(pk=run.pk).state == "succeeded"
    assert news() == []


def test_whoever_started_a_run_is_told_that_it_failed(run, admin):
    fail(run)
    assert news() == [("run_failed", admin, run.pk)]
    assert Notification.objects.get(kind="run_failed").note == "It broke."


def test_an_unknown_effect_is_told_until_somebody_settles_it(run, admin, owner):
    fail(run, ambiguous=True)
    assert news() == [("run_unknown", admin, run.pk)]
    settle_run(Run.objects.get(pk=run.pk), actor=owner, happened=True, note="Seen there.")
    assert Notification.objects.get(kind="run_unknown").read_at is not None


def test_what_was_refused_before_their_eyes_is_no_news(run):
    end(run, error=RunError(Category.POLICY_BLOCK, "denied", sentence="No."))
    assert news() == []


def test_only_who_may_see_a_run_finds_it(workspace, run, admin, auditor, member):
    key = ("sandbox.run", run.pk)
    for person in (admin, auditor):
        assert find(person, workspace, [key])[key].label == "probe.look_up, simulated"
    assert find(member, workspace, [key]) == {}
