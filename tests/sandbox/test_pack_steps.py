"""What a step of a pack may be, and who may not decide about it."""

import pytest

from policies.services.approvals import SelfApproval
from registry.services import install, publish_version
from sandbox.services import invoke, perform
from tests.approving import approve
from tests.extensions import PACK, PROBE, TIDY, installed, manifest_of
from tests.playhouse import staged

DROP_PACK = """
pack: flow.drop
version: 1.0.0
name: One step
summary: A made-up pack of one step.
requires: { probe: ^1.0 }
inputs: { name: string }
steps:
  - { id: drop, use: probe.remove, with: { key: inputs.name } }
outcome: { name: dropped, success: steps.drop.id, signal: downstream_state }
sample: { inputs: { name: A } }
"""


@pytest.fixture
@staged
def flow(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY, PACK)


def ran(workspace, actor):
    return perform(invoke(workspace, actor=actor, target="flow.drop", inputs={"name": "k"}).pk)


def test_whoever_published_a_pack_does_not_decide_its_steps(workspace, admin, approver, flow):
    version = publish_version(manifest_of(DROP_PACK), publisher="Approver", published_by=approver)
    install(workspace, version.extension, version=version, actor=admin)
    run = ran(workspace, admin)
    step = run.steps.get()
    with pytest.raises(SelfApproval):
        approve(step.approval, approver)


@pytest.mark.parametrize("use", ["probe", "probe.flow"])
def test_a_pack_calls_neither_connectors_nor_packs_as_a_whole(workspace, admin, flow, use):
    text = DROP_PACK.replace("probe: ^1.0", f"{use}: ^1.0").replace("use: probe.remove", f"use: {use}")
    installed(workspace, admin, text)
    run = ran(workspace, admin)
    assert (run.state, run.error_category) == ("failed", "validation")
    assert "steps call actions" in run.error["sentence"]


@pytest.mark.parametrize("signal", ["downstream_state", "approved"])
def test_a_pack_that_only_computes_cannot_claim_an_outcome(workspace, admin, flow, signal):
    text = f"""
pack: flow.claims
version: 1.0.0
name: Claims
summary: A made-up pack that changes nothing anywhere.
requires: {{ probe.tidy: ^1.0 }}
inputs: {{ name: string }}
steps:
  - {{ id: tidy, use: probe.tidy, with: {{ name: inputs.name, on: "'2026-01-02'" }} }}
outcome: {{ name: claimed, success: "`true`", signal: {signal} }}
sample: {{ inputs: {{ name: A }} }}
"""
    installed(workspace, admin, text)
    run = perform(invoke(workspace, actor=admin, target="flow.claims", inputs={"name": "k"}).pk)
    assert (run.mode, run.state, run.outcome.is_success) == ("live", "succeeded", False)
