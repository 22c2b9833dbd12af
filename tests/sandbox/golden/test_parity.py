"""The same pack on the same inputs ends the same whether the engine runs it or a golden flow plays it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sandbox.golden.playing import play
from sandbox.models import Run
from sandbox.runners.simulated import SimulatedRunner
from sandbox.services import perform
from tests.extensions import TIDY, manifest_of
from tests.sandbox.packs.flows import MOODY, pack_of, say_yes, set_up, started

MAKE = "id: make, use: probe.create, with: { key: \"'first'\" }"
LOOP = "id: each, use: probe.create, each: inputs.keys, most: 4, with: { key: item }"
BAD = "id: fail, use: probe.create, with: { key: \"'bad'\" }"
LOOK = "id: look, use: probe.look_up, with: { key: \"'x'\" }"
UNFIT = "id: fail, use: probe.create, with: { key: inputs.keys }"
UNMAPPED = "id: fail, use: probe.create, with: { key: to_string(length(inputs.keys)) }"

SLOW = {"latency_ms": 5000, "keys": ["a", "b", "c"]}  # far above what a busy machine adds

FLOWS = {
    "it succeeds": ([MAKE, LOOP, LOOK], {}),
    "its outcome is not reached": ([MAKE], {"success": "steps.make.nothing"}),
    "its outcome cannot be told": ([MAKE], {"success": "length(inputs.keys)", "keys": 5}),
    "a step fails": ([MAKE, BAD, LOOK], {}),
    "a failure is skipped": ([MAKE, f"{BAD}, on_failure: skip", LOOK], {"success": "!(steps.fail)"}),
    "what does not fit is skipped": ([f"{UNFIT}, on_failure: skip", LOOK], {}),
    "a mapping fails": ([MAKE, UNMAPPED], {"keys": 5}),
    "a mapping that fails is skipped": ([f"{UNMAPPED}, on_failure: skip", LOOK], {"keys": 5}),
    "an item fails": ([LOOP, LOOK], {"keys": ["a", "bad", "c"]}),
    "an item that fails is skipped": ([f"{LOOP}, on_failure: skip", LOOK], {"keys": ["a", "bad", "c"]}),
    "an item is left out": ([LOOP.replace("with:", "when: \"item != 'b'\", with:")], {}),
    "a loop is too long": ([LOOP], {"keys": list("abcde")}),
    "a loop that is too long is skipped": ([f"{LOOP}, on_failure: skip", LOOK], {"keys": list("abcde")}),
    "a loop goes through no list": ([LOOP], {"keys": 5}),
    "a loop has nothing": ([LOOP, LOOK], {"keys": None}),
    "it makes too many calls": ([MAKE, LOOP], {"more": "max_calls: 2"}),
    "too many calls are never skipped": ([MAKE, f"{LOOP}, on_failure: skip"], {"more": "max_calls: 2"}),
    "what was done is taken back": ([MAKE, LOOP, f"{BAD}, on_failure: undo"], {}),
    "not all is taken back": (
        ["id: put, use: probe.put, with: { key: \"'p'\" }", MAKE, f"{BAD}, on_failure: undo"], {}
    ),
    "nothing is to be taken back": ([LOOK, f"{BAD}, on_failure: undo"], {}),
    "too many calls take back": ([MAKE, f"{LOOP}, on_failure: undo"], {"more": "max_calls: 2"}),
    "a step takes too long": ([f"{LOOP}, timeout_ms: 10000"], SLOW),
    "a step that takes too long is skipped": ([f"{LOOP}, timeout_ms: 10000, on_failure: skip", LOOK], SLOW),
    "the whole takes too long": ([MAKE, LOOK], {"latency_ms": 5000, "more": "timeout_ms: 5000"}),
    "it claims a state that nothing changed": (
        ["id: tidy, use: probe.tidy, with: { name: \"'A'\", on: \"'2026-01-02'\" }"], {"signal": "downstream_state"},
    ),
}  # fmt: skip


class Clock:
    """Passes time for the engine as its samples say, without waiting for it."""

    def __init__(self, monkeypatch):
        self.real, self.ahead_ms = timezone.now, 0
        monkeypatch.setattr(SimulatedRunner, "_pass_time", lambda runner, sample: self.pass_time(runner, sample))
        for module in ("sandbox.packs.steps", "sandbox.packs.progress"):
            monkeypatch.setattr(f"{module}.timezone", self)

    def now(self):
        return self.real() + timedelta(milliseconds=self.ahead_ms)

    def pass_time(self, runner, sample):
        self.ahead_ms += runner.spec.fixtures[sample].get("latency_ms", 0)


@pytest.mark.parametrize("name", FLOWS)
def test_a_pack_ends_the_same(workspace, admin, approver, monkeypatch, name):
    clock = Clock(monkeypatch)
    steps, how = FLOWS[name]
    given = {"keys": how.get("keys", ["a", "b"])}
    text = pack_of(*steps, more=how.get("more", ""), success=how.get("success", "`true`"))
    text = text.replace("signal: validated", f"signal: {how.get('signal', 'validated')}")
    probe = MOODY.replace("happy: {", f"happy: {{ latency_ms: {how.get('latency_ms', 0)},")
    set_up(workspace, admin, text, probe)
    run = started(workspace, admin, **given)
    Run.objects.filter(pk=run.pk).update(seed=5)
    run = perform(run.pk)
    while run.state == Run.State.WAITING:
        run = say_yes(run, approver)
    parts = {"probe": manifest_of(probe), "probe.tidy": manifest_of(TIDY)}
    case = {"id": "sample", "inputs": given, "seed": 5, "now": run.created_at.isoformat()}
    played = play(manifest_of(text), parts, case)

    assert clock.ahead_ms >= how.get("latency_ms", 0)
    assert bool(played["fails"]) == (run.state == Run.State.FAILED)
    error = run.error or {}
    assert played["code"] == error.get("error_code", "")
    assert (played.get("compensation") or None) == error.get("compensation")
    outcome = getattr(run, "outcome", None)
    assert (played["outcome"] or {}).get("is_reached") == (outcome.is_success if outcome else None)
    asked = [one for one in played["steps"] if "inputs" in one and not (one["fails"].startswith("It does not take"))]
    made = [
        (one.step_id, one.item, one.target, one.inputs, bool(one.undoes_id)) for one in run.steps.order_by("created_at")
    ]
    assert [(one["step"], one["item"], one["use"], one["inputs"], "undoes" in one) for one in asked] == made
