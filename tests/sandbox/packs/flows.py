"""Packs over the probe of tests, made from their steps, and how they are run to where they stop."""

from galaxy.core.models import User, Workspace
from registry.models import Installation
from sandbox.models import Run
from sandbox.services import approval_was_decided, invoke, perform
from tests.approving import approve
from tests.extensions import PROBE, TIDY, installed

# Answers to the key "bad" with the wrong shape, so that one call of many fails.
MOODY = PROBE.replace(
    """simulation: { answer: { id: "fake_id('thing-', inputs.key)", owner: inputs.owner } }""",
    """simulation: { answer: { id: "inputs.key != 'bad' && fake_id('thing-', inputs.key)", owner: inputs.owner } }""",
)
assert MOODY != PROBE


def pack_of(*steps: str, more: str = "", success: str = "`true`", inputs: str = "{ keys: any?, flag: bool? }") -> str:
    listed = "\n".join(f"  - {{ {step} }}" for step in steps)
    return f"""
pack: probe.steps
version: 1.0.0
name: Steps
summary: A made-up pack for tests of the engine.
requires: {{ probe: ^1.0, probe.tidy: ^1.0 }}
inputs: {inputs}
{more}
steps:
{listed}
outcome: {{ name: done, success: "{success}", signal: validated }}
sample: {{ inputs: {{ keys: [] }} }}
"""


def set_up(workspace: Workspace, admin: User, pack: str, probe: str = MOODY) -> None:
    """``pack``, beside what it calls: that stands already where a test asked for ``parts``."""
    stands = Installation.objects.in_workspace(workspace).active().filter(extension__slug="probe").exists()
    installed(workspace, admin, *(() if stands else (probe, TIDY)), pack)


def started(workspace: Workspace, actor: User, **inputs) -> Run:
    options = inputs.pop("options", {})
    return invoke(workspace, actor=actor, target="probe.steps", inputs=inputs, **options)


def ran(workspace: Workspace, actor: User, **inputs) -> Run:
    run = perform(started(workspace, actor, **inputs).pk)
    assert run is not None
    return run


def say_yes(run: Run, approver: User) -> Run:
    """``run`` after somebody said yes to the step it waits for, as far as it goes."""
    approval = run.asked
    approve(approval, approver)
    approval.refresh_from_db()
    approval_was_decided(approval)
    return perform(run.pk)


def calls(run: Run) -> list[tuple[str, int, str]]:
    """The calls it made, in order: (step, item, state)."""
    rows = run.steps.filter(undoes=None).order_by("created_at")
    return list(rows.values_list("step_id", "item", "state"))


def undone(run: Run) -> list[tuple[str, int, str]]:
    rows = run.steps.exclude(undoes=None).order_by("created_at")
    return list(rows.values_list("step_id", "item", "state"))
