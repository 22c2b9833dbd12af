"""Playing a pack on one case, each step answered by its version's own simulation. Pure: no Django, no database, no
network. By the rules of the engine (sandbox.packs.flowing): conditions, loops, limits, failures, what is taken back for
them, and the outcome. Its clock goes by what the samples say of how long they take.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.manifests import ActionSpec, Manifest
from registry.manifests.functions import EvaluationFailed, evaluate
from sandbox.packs import flowing
from sandbox.packs.flowing import Stops
from sandbox.upgrades.answering import Answer, answer

MOST_ITEMS = 20  # of one loop that are told; and of one in Python, of which each costs a round, that are played
MOST_CALLS = 1_000  # of one case that are played
MOST_LATENCY_MS = 5_000  # as the simulated runner waits at most

Case = dict[str, Any]  # {id, title, inputs, seed, now}
Given = dict[str, Any]  # by "step/item", answers of steps in Python
Played = dict[str, Any]  # {id, steps: [Step], outcome: {name, signal, is_reached} or None, fails, code, needs}


class _Needed(Exception):
    def __init__(self, key: str, slug: str, inputs: dict[str, Any]):
        super().__init__(key)
        self.wanted = {"key": key, "slug": slug, "inputs": inputs}


def play(pack: Manifest, parts: Mapping[str, Manifest], case: Case, given: Given | None = None) -> Played:
    """``parts`` are the manifests of what the pack requires, by slug. Of each step that was called: {step, item, use,
    inputs, outputs, fails, hosts, scopes}, with ``undoes`` where the call takes that step back; of one that was left
    out {step, item, use, is_left_out}.

    ``fails`` is a sentence, "" where it came to its end, with its ``code`` as runs have it and the ``compensation`` of
    its steps where they were taken back. ``needs`` is a step in Python whose answer is to be ``given``.
    """
    return _Playing(pack, parts, case, given or {}).played()


def part_of(use: str, parts: Mapping[str, Manifest]) -> tuple[str, Manifest | None, ActionSpec | None]:
    """What a step calls: the slug, its manifest, and the action; None where it is not there."""
    connector, _, action = use.rpartition(".")
    owner = parts.get(connector)
    if owner and owner.kind == "connector" and action in owner.actions:
        return connector, owner, owner.actions[action]
    manifest = parts.get(use)
    alone = manifest.actions.get(use) if manifest and manifest.kind == "action" else None
    return use, manifest, alone


def is_python(manifest: Manifest) -> bool:
    return manifest.kind == "transform" and bool(manifest.canonical.get("code_file"))


@dataclass
class _Done:
    """A call that succeeded."""

    step: str
    item: int
    slug: str
    manifest: Manifest
    action: ActionSpec | None
    inputs: dict[str, Any]
    outputs: Any


@dataclass
class _Playing:
    pack: Manifest
    parts: Mapping[str, Manifest]
    case: Case
    given: Given
    told: list[dict[str, Any]] = field(default_factory=list)
    steps: dict[str, Any] = field(default_factory=dict)
    done: list[_Done] = field(default_factory=list)
    calls: int = 0
    elapsed_ms: int = 0
    began_ms: int = 0  # when the step under way did

    @property
    def seen(self) -> dict[str, Any]:
        return {"inputs": self.case["inputs"], "steps": self.steps}

    @property
    def how(self) -> dict[str, Any]:
        return {"seed": self.case["seed"], "now": self.case["now"]}

    def played(self) -> Played:
        played: Played = {"id": self.case["id"], "steps": self.told, "outcome": None, "fails": "", "code": ""}
        played["needs"] = None
        try:
            played |= self._to_its_end()
        except _Needed as needed:
            played["needs"] = needed.wanted
        except Stops as stops:
            played |= {"fails": stops.sentence, "code": stops.code}
        return played

    def _to_its_end(self) -> dict[str, Any]:
        for step in self.pack.steps:
            self.began_ms = self.elapsed_ms
            try:
                self.steps[step["id"]] = self._result(step)
            except Stops as stops:
                if step.get("on_failure") != "undo":
                    raise
                states = self._taken_back()
                words, _ = flowing.told_of(states)
                return {"fails": f"{stops.sentence} {words}", "code": stops.code, "compensation": states}
        return {"outcome": self._outcome()}

    def _result(self, step: dict[str, Any]) -> Any:
        """The outputs of a step, a list for a loop; None where it was left out or its failure is skipped."""
        try:
            return self._loop(step) if "each" in step else self._one(step, self.seen)
        except Stops as stops:
            if not flowing.is_passed_over(step, is_limit=stops.is_limit):
                raise
            return None

    def _loop(self, step: dict[str, Any]) -> list[Any]:
        items = flowing.items_of(step, self.seen, **self.how)
        if "when" not in step:
            flowing.require_room(self.pack, step, self.calls + len(items), self.pack.id)
        _, manifest, _ = part_of(step["use"], self.parts)
        most = MOST_ITEMS if manifest and is_python(manifest) else max(0, MOST_CALLS - self.calls)
        outputs = []
        for index, item in enumerate(items[:most]):
            try:
                outputs.append(self._one(step, self.seen | {"item": item, "index": index}, index + 1))
            except Stops as stops:
                if not flowing.is_passed_over(step, is_limit=stops.is_limit):
                    raise
                outputs.append(None)
        return outputs

    def _one(self, step: dict[str, Any], seen: dict[str, Any], item: int = 0) -> Any:
        self._require_time(step)
        named = {"step": step["id"], "item": item, "use": step["use"]}
        inputs = flowing.inputs_of(step, seen, item, **self.how)
        if inputs is None:
            self._tell(named | {"is_left_out": True})
            return None
        flowing.require_room(self.pack, step, self.calls + 1, self.pack.id)
        slug, manifest, action = part_of(step["use"], self.parts)
        if manifest is None or (manifest.kind == "connector" and action is None):
            sentence = f"Step “{step['id']}” calls {step['use']}, which is not there in these versions."
            raise Stops("validation", "not_installed", sentence)
        found = self._answer(f"{step['id']}/{item}", slug, manifest, action, inputs)
        code, fails = _failure(found)
        self._tell(named | _of_call(inputs, found, fails, action))
        self.calls += not found["unfit"]  # a run that is not asked for with what it does not take is none
        if fails:
            sentence = f"{flowing.named(step, item)} ({step['use']}) fails. {fails}"
            raise Stops("tool_error", code, sentence)
        self.done.append(_Done(step["id"], item, slug, manifest, action, inputs, found["outputs"]))
        return found["outputs"]

    def _answer(
        self, key: str, slug: str, manifest: Manifest, action: ActionSpec | None, inputs: dict[str, Any]
    ) -> Answer:
        if is_python(manifest):
            if key not in self.given:
                raise _Needed(key, slug, inputs)
            return self.given[key]
        found = answer(manifest, action.id if action else "", inputs, **self.how)
        self.elapsed_ms += min(found["latency_ms"], MOST_LATENCY_MS)
        return found

    def _require_time(self, step: dict[str, Any]) -> None:
        whole, own = self.pack.canonical.get("timeout_ms"), step.get("timeout_ms")
        if whole and self.elapsed_ms >= whole:
            raise flowing.out_of_time(self.pack, step, is_run=True)
        if own and self.elapsed_ms - self.began_ms >= own:
            raise flowing.out_of_time(self.pack, step, is_run=False)

    def _taken_back(self) -> dict[str, str]:
        """What became of each step whose calls changed something, {step id: state}, the last one first."""
        states: dict[str, str] = {}
        for done in reversed(self.done):
            if done.action and flowing.changes_something(done.action):
                flowing.tell_state(states, done.step, self._undone(done))
        return states

    def _undone(self, done: _Done) -> str:
        undo = done.manifest.actions.get(getattr(done.action, "undo", None) or "")
        if undo is None:
            return flowing.NO_UNDO
        inputs = flowing.undo_inputs(undo, done.outputs, done.inputs)
        found = answer(done.manifest, undo.id, inputs, **self.how)
        use = f"{done.slug}.{undo.id}" if done.manifest.kind == "connector" else undo.id
        _, fails = _failure(found)
        named = {"step": done.step, "item": done.item, "use": use, "undoes": True}
        self._tell(named | _of_call(inputs, found, fails, undo))
        return flowing.REFUSED if found["unfit"] else "failed" if fails else "succeeded"

    def _tell(self, told: dict[str, Any]) -> None:
        if told["item"] <= MOST_ITEMS:
            self.told.append(told)

    def _outcome(self) -> dict[str, Any] | None:
        """A yes of a person is taken as given here: whether one is asked is for the rules to say (sandbox.golden
        .deciding)."""
        declared = self.pack.canonical.get("outcome")
        if not declared:
            return None
        try:
            reached = evaluate(declared["success"], self.seen, **self.how)
        except EvaluationFailed as error:
            raise Stops("validation", "outcome_failed", f"The outcome cannot be told: {error}") from error
        signal = declared.get("signal", "")
        has_acted = any(one.action for one in self.done)
        is_reached = bool(reached) and flowing.has_signal(signal, has_acted=has_acted, is_approved=True)
        return {"name": declared["name"], "signal": signal, "is_reached": is_reached}


def _of_call(inputs: dict[str, Any], found: Answer, fails: str, action: ActionSpec | None) -> dict[str, Any]:
    scopes = sorted(action.scopes) if action else []
    return {"inputs": inputs, "outputs": found["outputs"], "fails": fails, "hosts": found["hosts"], "scopes": scopes}


def _failure(found: Answer) -> tuple[str, str]:
    """The code and a sentence; both "" where it answers as it declares."""
    for place, sentence in found["unfit"].items():
        return "invalid", f"It does not take {place or 'its inputs'}: {sentence}"
    if found["fails"]:
        return found["code"], str(found["fails"])
    if found["misfit"]:
        return "output_mismatch", f"Its answer is not what it declares. {found['misfit']}"
    return "", ""
