"""Inputs that were written for an older version: carried over where a replay proves it, else a form asks a person."""

import pytest
from django.urls import reverse

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent
from registry.models import Version
from registry.rollback.services import roll_back
from registry.services import ending, install, move_pin
from sandbox.models import InputMigration
from sandbox.services import invoke
from sandbox.services.performing import perform
from sandbox.upgrades import is_safe
from tests.extensions import PACK, TIDY, publish

FIELDS = "request_schema: { key: string, owner: email? }"
RENAMED = (
    (FIELDS, "request_schema: { key: string, holder: email? }\n    renamed_from: { holder: owner }"),
    ("owner: inputs.owner } }", "owner: inputs.holder } }"),
)
NEEDED = ((FIELDS, "request_schema: { key: string, desk: string, owner: email? }"),)


@pytest.fixture
def flow(workspace, admin, probe):
    """A pack that gives ``owner`` to create."""
    text = PACK.replace("probe: ^1.0, probe.tidy", 'probe: ">=1.0", probe.tidy').replace(
        "with: { key: steps.tidy.title }", "with: { key: steps.tidy.title, owner: \"'ann@example.test'\" }"
    )
    for one in map(publish, (TIDY, text)):
        install(workspace, one.extension, version=one, actor=admin)


def made(run):
    return perform(run.pk)


def start(workspace, admin):
    inputs = {"name": "Ada", "on": "3 March 2026"}
    return made(invoke(workspace, actor=admin, target="probe.flow", inputs=inputs, simulate=True))


def test_a_renamed_optional_field_is_carried_over_once_replays_prove_it(workspace, admin, probe, called, newer, flow):
    called("create", key="a", owner="ann@example.test")
    version = newer(*RENAMED)
    proof = is_safe(probe, version)
    assert proof.is_safe and proof.why == () and proof.report.same == proof.report.calls == 1
    assert proof.report.content["moved"] == {"create": {"renames": {"owner": "holder"}, "fills": {}, "is_proven": True}}
    move_pin(probe, version=version, actor=admin)
    row = InputMigration.objects.get()
    assert (row.action, row.renames, row.report) == ("create", {"owner": "holder"}, proof.report)
    assert AuditEvent.objects.filter(action="installation.inputs_carried_over").count() == 1
    run = start(workspace, admin)  # the pack still gives owner
    step = run.steps.get(step_id="make")
    assert (run.state, step.state, step.version_digest) == ("succeeded", "succeeded", version.digest)
    assert set(step.inputs) == {"key", "holder"} and "email" in step.data_classes
    direct = made(
        invoke(
            workspace,
            actor=admin,
            target="probe.create",
            inputs={"key": "b", "owner": "bo@example.test"},
            simulate=True,
        )
    )
    assert direct.state == "succeeded" and set(direct.inputs) == {"key", "holder"}


def test_going_back_takes_the_old_name_again(workspace, admin, probe, called, newer, flow):
    called("create", key="a", owner="ann@example.test")
    old, version = probe.pin.version, newer(*RENAMED)
    is_safe(probe, version)
    move_pin(probe, version=version, actor=admin)
    probe.refresh_from_db()
    roll_back(probe, version=old, actor=admin, reason="Not yet.")
    assert set(start(workspace, admin).steps.get(step_id="make").inputs) == {"key", "owner"}


def test_a_newly_required_field_is_not_carried_over_and_a_form_asks_for_it(
    replayed, client_of, workspace, admin, probe, called, newer, flow
):
    called("create", key="a")
    version = newer(*NEEDED)
    proof = is_safe(probe, version)
    assert not proof.is_safe
    assert "1 recorded call now fails." in proof.why and any("1 pack" in one for one in proof.why)
    assert [(need.action, need.field, need.was) for need in proof.needs] == [("create", "desk", "")]
    client = client_of(admin)
    page = client.get(proof.report.get_absolute_url())
    assert "Not proven safe." in page.text and 'name="fill-create|desk"' in page.text
    url = reverse("sandbox:upgrade-preview", args=["meridian", probe.pk])
    page = replayed(client, url, **{"to": version.digest, "fill-create|desk": "Desk 4"})
    assert "Proven safe." in page.text
    move_pin(probe, version=version, actor=admin)
    assert InputMigration.objects.get().fills == {"desk": "Desk 4"}
    step = start(workspace, admin).steps.get(step_id="make")
    assert step.state == "succeeded" and step.inputs["desk"] == "Desk 4"


def test_a_move_that_nothing_proved_carries_nothing_over(workspace, admin, probe, newer):
    """It is declared, and no call was recorded that could prove it."""
    version = newer(*RENAMED)
    move_pin(probe, version=version, actor=admin)
    assert not InputMigration.objects.exists()
    with pytest.raises(Invalid, match="owner"):
        invoke(workspace, actor=admin, target="probe.create", inputs={"key": "a", "owner": "a@b.test"}, simulate=True)


def test_a_pack_without_a_recorded_call_takes_a_persons_word(replayed, client_of, admin, probe, newer, flow, workspace):
    version = newer(*RENAMED)
    proof = is_safe(probe, version)
    assert [(need.field, need.was) for need in proof.needs] == [("holder", "owner")]
    url = reverse("sandbox:upgrade-preview", args=["meridian", probe.pk])
    replayed(client_of(admin), url, **{"to": version.digest, "same-create|holder": "1"})
    move_pin(probe, version=version, actor=admin)
    assert InputMigration.objects.get().renames == {"owner": "holder"}
    assert start(workspace, admin).state == "succeeded"


def test_what_changes_its_type_is_no_renaming(probe, called, newer):
    called("create", key="a", owner="ann@example.test")
    proof = is_safe(
        probe,
        newer(
            (FIELDS, "request_schema: { key: string, holder: int? }\n    renamed_from: { holder: owner }"),
            ("owner: inputs.owner } }", "} }"),
        ),
    )
    assert not proof.is_safe and proof.report.content["moved"] == {}


def test_more_permissions_or_another_answer_are_not_safe(probe, called, newer):
    called("look_up", key="a")
    same = newer(number="2.0.0")
    assert is_safe(probe, same).is_safe
    other = newer(("fake_id('thing-', inputs.key)", "fake_id('other-', inputs.key)"), number="3.0.0")
    assert any("answered otherwise" in one for one in is_safe(probe, other).why)
    wider = newer(
        (
            "required: [things.read, things.write, things.delete]",
            "required: [desks.read, things.read, things.write, things.delete]",
        ),
        number="4.0.0",
    )
    assert any("asks for more" in one for one in is_safe(probe, wider).why)


def test_what_came_to_its_end_may_be_left_where_that_is_proven(probe, called, newer):
    """F84 rests on it: nobody returns to what ended, so that its end is no reason to stay."""
    called("look_up", key="a")
    Version.objects.filter(pk=probe.pin.version_id).update(status="yanked")
    probe.pin.version.refresh_from_db()
    proof = is_safe(probe, newer())
    assert proof.is_safe and "leaving it is no loss" in proof.report.content["drill"]["sentence"]
    assert ending._provers == [is_safe]
