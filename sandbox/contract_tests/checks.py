"""What each test looks at. A function takes the bench of its test and raises Failed with what was expected and got."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from registry.manifests import ActionSpec, Manifest
from registry.manifests.functions import EvaluationFailed, evaluate, evaluate_fields
from registry.manifests.misfits import misfits
from sandbox.contract_tests.bench import NOW, Tried, tried
from sandbox.contract_tests.examples import inputs_of, reply_of
from sandbox.errors import RunError
from sandbox.models import Category
from sandbox.plain_json import NotPlain, require_plain
from sandbox.retry import DEFAULT_ATTEMPTS, category_of, is_refusal, retry_after_ms
from sandbox.runners.simulated import answered
from sandbox.transforms import TransformError, apply

_WANTED = {
    "401": (Category.AUTH_ERROR,),
    "403": (Category.AUTH_ERROR, Category.RATE_LIMIT, Category.QUOTA),
    "429": (Category.RATE_LIMIT, Category.QUOTA),
    "5xx": (Category.TRANSIENT,),
}
_KEY = b"contract test"


class Failed(Exception):
    """A promise that is not kept; both are sentences or values for people."""

    def __init__(self, expected: str, got: str):
        super().__init__(f"Expected {expected}, got {got}")
        self.expected, self.got = expected, got


@dataclass(frozen=True)
class Bench:
    """Everything that a test is made with."""

    manifest: Manifest
    files: Mapping[str, bytes]
    scenario: str
    action: ActionSpec | None = None
    python: Any = None  # runs Python in the sandbox (sandbox.contract_tests.python), where there is any
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> ActionSpec:
        if self.action is None:
            raise ValueError("Tests of actions name one.")
        return self.action

    def call(self, *scenarios: str) -> Tried:
        """A call of the action, answered by these fixtures in turn."""
        spec = self.spec if self.spec.runner == "grpc" else _one_page(self.spec)
        return tried(self.manifest, spec, inputs_of(spec, scenarios[0]), [reply_of(spec, one) for one in scenarios])


def refuses(bench: Bench) -> None:
    holder = bench.action or bench.manifest
    given = inputs_of(bench.action) if bench.action else _golden(bench.manifest)
    name = sorted(holder.inputs.get("required", ()))[0]
    if not misfits({key: value for key, value in given.items() if key != name}, holder.inputs):
        raise Failed(f"inputs without {name} to be refused", "they were accepted")
    recorded = bench.action is None or "inputs" in bench.action.fixtures.get("happy", {})
    if recorded and (wrong := misfits(given, holder.inputs)):  # what was made up is nobody's fault
        place, sentence = next(iter(wrong.items()))
        raise Failed("the example inputs to fit", f"{place or 'it'}: {sentence}")


def leaves(bench: Bench) -> None:
    found = bench.call("happy")
    if not found.sent:
        raise Failed("a request that the declared hosts let out", found.words)


def maps(bench: Bench) -> None:
    if bench.spec.runner == "python":
        _succeeded(bench.python.recorded(bench.spec, bench.scenario))
        outputs = bench.python.recorded(bench.spec, bench.scenario)["outcome"]["output"]
    else:
        found = bench.call(bench.scenario)
        if found.reply is None:
            raise Failed("a success", found.words)
        outputs = found.reply.outputs
    _fits(outputs, bench.spec.outputs)


def classified(bench: Bench) -> None:
    """By the scenario's name where that says the category, else any failure will do that is not our own."""
    reply = reply_of(bench.spec, bench.scenario)
    wanted = _WANTED.get(bench.scenario)
    if bench.spec.runner == "python":
        error = bench.python.scripted(bench.spec, reply)["outcome"]["error"]
        got = error and (category_of(error["http_status"]) if error["http_status"] else error["category"])
    else:
        got = bench.call(bench.scenario).error
        got = got and got.category
    if got is None:
        raise Failed("a failure", "a success")
    if wanted and got not in wanted:
        raise Failed(" or ".join(wanted), str(got))


def not_repeated(bench: Bench) -> None:
    found = bench.call("401", "happy")
    if found.error is None or found.attempts != 1 or found.error.ambiguous:
        raise Failed("one attempt, and surely nothing done", found.words)


def waits(bench: Bench) -> None:
    found = bench.call("429", "happy")
    if not _may_try_again(bench.spec) or (found.error and found.error.category == Category.QUOTA):
        if found.attempts != 1:
            raise Failed("one attempt", found.words)
        return
    asked = _asked_ms(bench)
    if found.error is not None and asked and found.error.retry_at and found.attempts == 1:
        return  # longer than a run waits: it ends and says when to come back
    if found.error is not None or found.attempts != 2:
        raise Failed("a success in the second attempt", found.words)
    if found.waited_ms < asked:
        raise Failed(f"a wait of at least {asked} ms, as asked", f"{found.waited_ms} ms")


def gives_up(bench: Bench) -> None:
    found = bench.call("429")
    most = bench.spec.retry.get("max_attempts", DEFAULT_ATTEMPTS) if _may_try_again(bench.spec) else 1
    if found.error is None or found.error.category not in _WANTED["429"] or found.attempts > most:
        raise Failed(f"rate_limit after at most {most} attempts", found.words)
    if _asked_ms(bench) and found.error.category == Category.RATE_LIMIT and found.error.retry_at is None:
        raise Failed("the time at which to come back", "none")


def repeats(bench: Bench) -> None:
    """A write that may have been done is never sent twice: it ends as unknown. What is safe is tried again."""
    reply = reply_of(bench.spec, "5xx")
    headers = {name.lower(): str(value) for name, value in reply.get("headers", {}).items()}
    found = bench.call("5xx", "happy")
    safe = bench.spec.is_repeatable or (bench.spec.runner == "rest" and is_refusal(reply["status"], headers))
    if found.error and not found.error.ambiguous and found.error.category not in {Category.TRANSIENT}:
        return  # the reply table says that it is another failure, which nobody repeats
    if safe and _may_try_again(bench.spec):
        if found.error is not None or found.attempts != 2:
            raise Failed("a success in the second attempt", found.words)
    elif found.attempts != 1:
        raise Failed("one attempt, since it may have been done already", found.words)
    elif not safe and (found.error is None or not found.error.ambiguous):
        raise Failed("to be told that it may have taken effect", found.words)


def simulates(bench: Bench) -> None:
    inputs = inputs_of(bench.spec)
    try:
        first, second = (answered(bench.spec, inputs, seed=7, now=NOW.isoformat()).outputs for _ in range(2))
    except RunError as error:
        raise Failed("an answer", error.sentence) from error
    _fits(first, bench.spec.outputs)
    if first != second:
        raise Failed("equal answers to equal inputs", "another one")


def same_twice(bench: Bench) -> None:
    digests = {bench.python.recorded(bench.spec, bench.scenario)["output_digest"] for _ in range(2)}
    if len(digests) != 1:
        raise Failed("the same bytes", "others")


def inputs_fit(bench: Bench) -> None:
    if wrong := misfits(_fixture(bench)["inputs"], bench.manifest.inputs):
        place, sentence = next(iter(wrong.items()))
        raise Failed("inputs as declared", f"{place or 'it'}: {sentence}")


def golden(bench: Bench) -> None:
    outputs = _transformed(bench)
    _fits(outputs, bench.manifest.outputs)
    wanted = _fixture(bench).get("outputs", outputs)
    if outputs != wanted:
        raise Failed(_shown(wanted), _shown(outputs))


def same_bytes(bench: Bench) -> None:
    if _transformed(bench) != _transformed(bench):
        raise Failed("the same bytes", "others")


def event_fits(bench: Bench) -> None:
    fixture = _fixture(bench)
    _fits(fixture.get("body", fixture.get("outputs", {})), bench.manifest.outputs)


def sample_fits(bench: Bench) -> None:
    if wrong := misfits(_sample(bench), bench.manifest.inputs):
        place, sentence = next(iter(wrong.items()))
        raise Failed("a sample as declared", f"{place or 'it'}: {sentence}")


def first_step(bench: Bench) -> None:
    step, now = bench.manifest.steps[0], NOW.isoformat()
    seen: dict[str, Any] = {"inputs": _sample(bench), "steps": {}}
    try:
        if each := step.get("each"):
            items = evaluate(each, seen, seed=7, now=now)
            if not isinstance(items, list) or not items:
                raise Failed("a list of items for the first step", _shown(items))
            seen |= {"item": items[0], "index": 0}
        evaluate_fields(step.get("with", {}), seen, seed=7, now=now)
    except EvaluationFailed as error:
        raise Failed("inputs for the first step", str(error)) from error


def _succeeded(answer: dict[str, Any]) -> None:
    if error := answer["outcome"]["error"]:
        raise Failed("a success", error["sentence"])


def _transformed(bench: Bench) -> Any:
    manifest, inputs = bench.manifest, _fixture(bench)["inputs"]
    if manifest.canonical.get("code_file"):
        answer = bench.python.transformed(inputs)
        _succeeded(answer)
        return answer["outcome"]["output"]
    try:
        return apply(
            list(manifest.steps),
            inputs,
            inputs_schema=manifest.inputs,
            outputs_schema=manifest.outputs,
            key=_KEY,
        )
    except TransformError as error:
        raise Failed("outputs", error.sentence) from error


def _fits(outputs: Any, schema: dict[str, Any]) -> None:
    try:
        require_plain(outputs, max_bytes=1024 * 1024)
    except NotPlain as error:
        raise Failed("plain outputs", str(error)) from error
    if wrong := misfits(outputs, schema):
        place, sentence = next(iter(wrong.items()))
        raise Failed("outputs as declared", f"{place or 'it'}: {sentence}")


def _one_page(action: ActionSpec) -> ActionSpec:
    """Lists are looked at by their first page: a fixture is one reply, and would be every page again."""
    if "pagination" not in action.raw:
        return action
    return replace(action, raw=action.raw | {"pagination": action.raw["pagination"] | {"max_pages": 1}})


def _may_try_again(action: ActionSpec) -> bool:
    retry = action.retry
    return retry.get("strategy", "exponential") != "none" and retry.get("max_attempts", DEFAULT_ATTEMPTS) > 1


def _asked_ms(bench: Bench) -> int:
    """What the fixture 429 asks to wait; over gRPC that is told in details, which a fixture does not have."""
    reply = {} if bench.spec.runner == "grpc" else reply_of(bench.spec, "429")
    headers = {name.lower(): str(value) for name, value in reply.get("headers", {}).items()}
    return retry_after_ms(headers, NOW) or 0


def _fixture(bench: Bench) -> dict[str, Any]:
    return bench.manifest.canonical["fixtures"][bench.scenario]


def _golden(manifest: Manifest) -> dict[str, Any]:
    fixtures = manifest.canonical.get("fixtures", {}).values()
    return next((one["inputs"] for one in fixtures if "inputs" in one), {})


def _sample(bench: Bench) -> dict[str, Any]:
    return bench.manifest.canonical.get("sample", {}).get("inputs", {})


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)[:300]
