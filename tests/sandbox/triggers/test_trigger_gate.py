"""A trigger is a caller of its own: bounded by its scopes, held to what its owner holds, named wherever it called."""

import pytest
from django.urls import reverse

from galaxy.core.audit.packs import verify
from galaxy.core.members import grant_on
from galaxy.core.models import AuditDetail, AuditEvent, Membership
from policies.models import Approval
from sandbox.fixes import fix_for
from sandbox.models import Run, Trigger
from sandbox.services import invoke, perform
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged
from tests.ruling import put_in_force


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
@staged
def pack(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY, PACK)[-1]


def made(installation, owner, target="probe.create", scopes=("things.write",), **more) -> Trigger:
    facts = {"name": "New things", "slug": "new-things", "kind": "webhook", "address": "x" * 22}
    facts |= {"signature": "standard_webhooks", "created_by": owner}
    return Trigger.objects.create(
        workspace=installation.workspace,
        owner=owner,
        target=target,
        installation=installation,
        scopes=list(scopes),
        **facts | more,
    )


def started(trigger, inputs=None, **options) -> Run:
    inputs = {"key": "k1"} if inputs is None else inputs
    run = invoke(
        trigger.workspace, actor=trigger.owner, trigger=trigger, target=trigger.target, inputs=inputs, **options
    )
    return perform(run.pk) or Run.objects.get(pk=run.pk)


def test_a_trigger_with_the_write_scope_starts_a_write_and_is_named(workspace, probe, admin):
    trigger = made(probe, admin)
    run = started(trigger)
    assert (run.state, run.trigger, run.requested_by) == ("succeeded", trigger, admin)
    assert [link["kind"] for link in run.chain] == ["person", "trigger"]
    asked = run.decision.input
    assert (asked["context"]["caller"], asked["context"]["trigger"]) == ("trigger", "new-things")
    assert (asked["principal"]["kind"], asked["principal"]["scopes"]) == ("trigger", ["things.write"])


def test_one_without_the_write_scope_cannot_start_a_write(workspace, probe, admin):
    run = started(made(probe, admin, scopes=["things.read"]))
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "policy_block", "agent_scope_missing")
    assert run.decision.reasons[0]["passes_if"] == "The scope is added on the trigger's page"


@pytest.mark.asvs("8.3.3")
def test_it_never_holds_more_than_its_owner(workspace, probe, member):
    run = started(made(probe, member))
    assert (run.state, run.error["error_code"]) == ("failed", "write_grant_missing")


def test_what_comes_unsigned_writes_nothing_whatever_its_owner_may(workspace, probe, admin):
    run = started(made(probe, admin, signature="none"))
    assert (run.state, run.error["error_code"]) == ("failed", "write_grant_missing")


def test_it_is_gone_with_its_owner_and_after_it_was_given_to_somebody_else(workspace, probe, admin, owner):
    trigger = made(probe, admin)
    queued = invoke(workspace, actor=admin, trigger=trigger, target="probe.create", inputs={"key": "k"})
    Trigger.objects.filter(pk=trigger.pk).update(owner=owner)
    perform(queued.pk)
    queued.refresh_from_db()
    assert queued.error["error_code"] == "run_permission_missing"
    trigger.refresh_from_db()
    Membership.objects.in_workspace(workspace).filter(user=owner).delete()
    assert started(trigger).error["error_code"] == "run_permission_missing"


def test_the_steps_of_a_pack_are_held_to_its_scopes_too(workspace, pack, admin):
    inputs = {"name": "A", "on": "2026-01-02"}
    trigger = made(pack, admin, target="probe.flow", scopes=["things.read"])
    run = started(trigger, inputs)
    assert (run.state, run.error["error_code"]) == ("failed", "agent_scope_missing")
    trigger.scopes = ["things.read", "things.write"]
    trigger.save()
    run = started(trigger, inputs)
    step = run.steps.get(step_id="make")
    assert (run.state, step.trigger) == ("succeeded", trigger)
    asked = step.decision.input["context"]
    assert (asked["caller"], asked["pack"], asked["trigger"]) == ("pack", "probe.flow", "new-things")


def test_a_rule_names_triggers_by_their_short_names(workspace, probe, admin, owner):
    who, what = {"triggers": ["new-things"]}, {"effects": ["write"]}
    put_in_force(workspace, owner, "require_approval", who=who, what=what)
    run = started(made(probe, admin))
    assert run.state == "waiting"
    asked = Approval.objects.get(pk=run.approval_id)
    assert (asked.requested_by, asked.agent, asked.facts["trigger"]) == (admin, None, "New things")
    assert asked.bound["trigger"] == str(run.trigger_id)
    other = made(probe, admin, slug="others", name="Others", address="y" * 22)
    assert started(other).state == "succeeded"


def test_what_its_owner_was_granted_on_one_extension_counts(workspace, probe, member, admin):
    grant_on(probe, perm="registry.write_installation", user=member, actor=admin)
    assert started(made(probe, member)).state == "succeeded"


def test_a_run_that_lacks_a_scope_leads_to_the_trigger(workspace, probe, admin):
    trigger = made(probe, admin, scopes=[])
    run = started(trigger)
    fix = fix_for(run, run, admin)
    assert (fix.title, fix.ways[0].url) == ("Change what the trigger may do.", trigger.get_absolute_url())


def test_the_trail_and_its_exports_name_the_trigger_and_for_whom(workspace, probe, admin, client_of):
    trigger = made(probe, admin)
    run = started(trigger)
    event = AuditEvent.objects.get(action="run.succeeded", target_id=str(run.pk))
    assert (event.actor_kind, event.actor_id) == ("person", str(admin.pk))  # who answers for it
    page = client_of(admin).get(reverse("core:audit-list", args=[workspace.slug]), {"target": str(run.pk)})
    row = next(row for row in page.context["rows"] if row.event == event)
    assert (row.actor, row.on_behalf) == ("Webhook “New things”", str(admin))
    assert f"for {admin}" in page.text
    detail = AuditDetail.objects.get(event_id=event.pk)
    assert detail.actor_label == verify.actor_of(detail.fields["actor.chain"]) == f"Webhook “New things”, for {admin}"
