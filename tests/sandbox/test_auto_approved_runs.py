"""Runs that an Auto-Approve grant lets through: they run at once, and end the grant where too many of them fail."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.permissions import grant
from policies.models import AutoApproval
from policies.services.granting import create_auto_approval
from sandbox.approved_runs import outcomes_of
from sandbox.models import Run
from sandbox.services import invoke, perform
from tests.extensions import PROBE, installed


@pytest.fixture
def probe(workspace, admin, member):
    found = installed(workspace, admin, PROBE)[0]
    grant("registry.write_installation", member, found)
    return found


@pytest.fixture
def standing_yes(workspace, probe, admin, owner):
    """The admin's yes to deletes, agreed to by the owner."""
    made = create_auto_approval(
        workspace,
        installation=probe,
        scope="things.delete",
        reason="Old things go",
        budget=50,
        ends_at=timezone.now() + timedelta(days=2),
        actor=admin,
    )
    AutoApproval.objects.filter(pk=made.pk).update(confirmed_by=owner)
    return made


def delete(workspace, member, scenario="happy"):
    return invoke(workspace, actor=member, target="probe.remove", inputs={"key": "a"}, simulate=True, scenario=scenario)


def test_it_runs_without_waiting_and_names_the_grant(
    workspace, member, standing_yes, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        run = delete(workspace, member)
    run.refresh_from_db()
    assert (run.state, run.approval.grant) == ("queued", standing_yes)
    assert perform(run.pk).state == "succeeded"


def test_too_many_failures_end_the_grant_and_the_next_waits(
    workspace, member, standing_yes, django_capture_on_commit_callbacks
):
    states = []
    for scenario in ("happy", "401", "401", "happy", "401", "happy"):
        with django_capture_on_commit_callbacks(execute=True):
            run = delete(workspace, member, scenario)
        run.refresh_from_db()
        states.append(perform(run.pk).state if run.state == "queued" else run.state)
    standing_yes.refresh_from_db()
    assert states == ["succeeded", "failed", "failed", "succeeded", "failed", "waiting"]
    assert standing_yes.ended_because == "errors"


def test_what_policy_stopped_is_no_use(workspace, member, standing_yes):
    run = delete(workspace, member)
    for state, category, told in (
        ("waiting", "", {}),
        ("failed", "policy_block", {}),
        ("failed", "auth_error", {run.pk: True}),
        ("unknown", "transient", {run.pk: True}),
        ("succeeded", "", {run.pk: False}),
    ):
        finished = None if state == "waiting" else timezone.now()
        Run.objects.filter(pk=run.pk).update(state=state, error_category=category, finished_at=finished)
        assert outcomes_of(workspace, [run.pk]) == told
