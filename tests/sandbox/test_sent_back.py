"""F47: a yes is for exactly what was seen. Whatever changes, nothing runs, and the request comes back with what did."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.members import revoke_on
from galaxy.core.models import AuditEvent, Notification
from policies.models import Approval
from policies.services.rules import change_rule
from registry.models import Connection
from registry.services import move_pin
from sandbox.models import Run, RunPayload, Span
from sandbox.services import approval_was_decided, invoke, perform
from tests.approving import approve
from tests.extensions import PACK, PROBE, TIDY, installed, publish
from tests.playhouse import staged
from tests.policies.rule_samples import values
from tests.ruling import put_in_force

INPUTS = {"key": "k"}


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


def agreed(workspace, admin, approver, target="probe.remove", inputs=None) -> Run:
    """A run that somebody said yes to, and that no worker has taken yet."""
    run = invoke(workspace, actor=admin, target=target, inputs=inputs or INPUTS)
    return say_yes(run, approver)


def say_yes(run: Run, approver) -> Run:
    run.refresh_from_db()
    approve(run.approval, approver)
    approval_was_decided(Approval.objects.select_related("workspace").get(pk=run.approval_id))
    return run


def other_inputs(run, workspace, admin):
    RunPayload.objects.filter(run=run).update(data={"inputs": {"key": "another"}, "carried": []})


def other_target(run, workspace, admin):
    put_in_force(workspace, admin, "require_approval", what={"actions": ["probe.create"]})
    Run.objects.filter(pk=run.pk).update(target="probe.create")


def other_version(run, workspace, admin):
    later = publish(PROBE.replace("version: 1.0.0", "version: 1.1.0"))
    move_pin(run.installation, version=later, actor=admin)


def other_rules(run, workspace, admin):
    put_in_force(workspace, admin, "require_approval", what={"actions": ["probe.remove"]})


def other_connection(run, workspace, admin):
    Connection.objects.filter(installation=run.installation).update(generation=7)


def other_host(run, workspace, admin):
    Connection.objects.filter(installation=run.installation).update(host="elsewhere.probe.example")


def other_sample(run, workspace, admin):
    Run.objects.filter(pk=run.pk).update(scenario="empty")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (other_inputs, "the inputs"),
        (other_target, "what is called"),
        (other_version, "the version"),
        (other_rules, "the rules"),
        (other_connection, "the connection or its secret"),
        (other_host, "the connection or its secret"),
        (other_sample, "the sample it answers with"),
    ],
    ids=lambda one: one.__name__ if callable(one) else "",
)
def test_what_changed_after_the_yes_is_not_done_and_asked_about_again(
    workspace, admin, approver, probe, changes, words
):
    run = agreed(workspace, admin, approver)
    first = Approval.objects.get(pk=run.approval_id)
    changes(run, workspace, admin)
    assert perform(run.pk) is None
    run = Run.objects.get(pk=run.pk)
    assert not Span.objects.filter(run_id=run.pk, kind="attempt").exists()
    assert (run.state, run.approval.status, run.approval.again) == ("waiting", "pending", first)
    assert words in run.approval.facts["changed"]
    first.refresh_from_db()
    assert (first.status, first.consumed_at) == ("approved", None)
    assert Notification.objects.filter(person=approver, target_id=run.approval_id).exists()
    assert AuditEvent.objects.filter(action="run.sent_back", target_id=str(run.pk)).count() == 1
    done = perform(say_yes(run, approver).pk)
    assert done.state == "succeeded"


def test_rules_that_do_not_speak_of_it_may_come_and_go(workspace, admin, approver, probe):
    run = agreed(workspace, admin, approver)
    put_in_force(workspace, admin, "require_approval", what={"actions": ["probe.create"]})
    put_in_force(workspace, admin, "deny", what={"extensions": ["somebody.else"]})
    assert perform(run.pk).state == "succeeded"


def test_a_rule_that_matched_and_says_something_else_now_asks_again(workspace, admin, approver, probe):
    rule = put_in_force(workspace, admin, "require_approval", what={"actions": ["probe.create"]})
    run = agreed(workspace, admin, approver, target="probe.create")
    said = values("require_approval", rule.title, what={"actions": ["probe.create"]}, ask={"expires_h": 48})
    change_rule(rule, actor=admin, values=said, reason="Longer", seen=workspace.policy_version, confirmed=True)
    assert perform(run.pk) is None
    run.refresh_from_db()
    assert (run.state, run.approval.facts["changed"]) == ("waiting", ["the rules"])


def test_where_policy_says_no_by_then_it_ends(workspace, admin, approver, probe):
    run = agreed(workspace, admin, approver)
    put_in_force(workspace, admin, "deny", what={"actions": ["probe.remove"]})
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error_category, run.decision.effect) == ("failed", "policy_block", "deny")


def test_where_nobody_needs_to_say_yes_any_more_it_runs_without(workspace, admin, approver, probe):
    from policies.services.rules import end_rule

    rule = put_in_force(workspace, admin, "require_approval", what={"actions": ["probe.create"]})
    run = agreed(workspace, admin, approver, target="probe.create")
    end_rule(rule, actor=admin, reason="Not needed", seen=workspace.policy_version)
    assert perform(run.pk) is None
    run.refresh_from_db()
    assert (run.state, run.approval) == ("queued", None)
    assert perform(run.pk).state == "succeeded"
    assert not Approval.objects.exclude(consumed_at=None).exists()


def test_what_keeps_changing_is_given_up(workspace, admin, approver, probe):
    run = agreed(workspace, admin, approver)
    for generation in (1, 2, 3):
        Connection.objects.filter(installation=probe).update(generation=generation)
        assert perform(run.pk) is None
        say_yes(run, approver)
    Connection.objects.filter(installation=probe).update(generation=4)
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error["error_code"]) == ("failed", "approval_changed")
    assert "4 times" in run.error["sentence"]


def test_inputs_that_the_version_held_by_then_does_not_take_end_it(workspace, admin, approver, probe):
    run = agreed(workspace, admin, approver)
    later = PROBE.replace("version: 1.0.0", "version: 2.0.0").replace("{ key: string }", "{ key: string, why: string }")
    move_pin(probe, version=publish(later), actor=admin)
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error["error_code"], run.error["field"]) == ("failed", "inputs_no_longer_fit", "why")


def test_a_step_that_is_sent_back_parks_its_pack_again(workspace, admin, approver):
    probe = installed(workspace, admin, PROBE, TIDY, PACK)[0]
    inputs = {"name": "Ada", "on": "3 March 2026", "remove": True}
    run = perform(invoke(workspace, actor=admin, target="probe.flow", inputs=inputs).pk)
    step = run.steps.get(step_id="drop")
    say_yes(step, approver)
    Connection.objects.filter(installation=probe).update(generation=1)
    assert perform(run.pk).state == "waiting"
    step.refresh_from_db()
    assert (step.state, step.approval.facts["changed"]) == ("waiting", ["the connection or its secret"])
    say_yes(step, approver)
    assert perform(run.pk).state == "succeeded"


def test_a_yes_that_ran_out_before_a_worker_came_is_no_yes(workspace, admin, approver, probe):
    run = agreed(workspace, admin, approver)
    Approval.objects.filter(pk=run.approval_id).update(
        requested_at=timezone.now() - timedelta(hours=3),
        decided_at=timezone.now() - timedelta(hours=2),
        expires_at=timezone.now() - timedelta(hours=1),
    )
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error["error_code"]) == ("failed", "approval_expired")


def test_a_grant_that_goes_after_the_yes_stops_it(workspace, admin, member, approver, probe):
    from galaxy.core.members import grant_on

    grant_on(probe, perm="registry.write_installation", user=member, actor=admin)
    run = agreed(workspace, member, approver)
    revoke_on(probe, perm="registry.write_installation", user=member, actor=admin)
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error["error_code"]) == ("failed", "write_grant_missing")
