"""What transforms in Python answer to recorded calls: run by sandboxd behind its walls, as contract tests are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from galaxy.core.errors import DomainError
from registry.manifests import Manifest
from registry.manifests.misfits import misfits
from registry.services import verified_file
from sandbox.upgrades.answering import NOT_REPLAYED, Answer, first_of
from sandbox.upgrades.renames import Moved, backward, forward
from sandbox.upgrades.replaying import Watch


def is_python(manifest: Manifest) -> bool:
    """Whether it computes by code, which the child process of a replay does not run. Actions in Python are answered
    by their simulation, like every other."""
    return manifest.kind == "transform" and bool(manifest.canonical.get("code_file"))


@dataclass(frozen=True)
class Code:
    """A transform of one version, run for ``workspace``, whose share of the sandbox's places it takes."""

    workspace: UUID
    manifest: Manifest
    digest: str

    def answer(self, inputs: dict[str, Any], call: dict[str, Any]) -> Answer:
        """In the shape of sandbox.upgrades.answering, with the seed and the time of ``call``."""
        from sandbox.contract_tests.python import Sandbox  # with gRPC, HTTP and JOSE, which few processes need

        name = self.manifest.canonical["code_file"]
        sandbox = Sandbox(self.workspace, self.manifest, {name: verified_file(self.digest, name)})
        found: Answer = {
            "outputs": None, "fails": "", "code": "", "unfit": misfits(inputs, self.manifest.inputs), "misfit": "",
            "hosts": [], "latency_ms": 0,
        }  # fmt: skip
        try:
            came = sandbox.transformed(inputs, seed=call["seed"], now=datetime.fromisoformat(call["now"]))["outcome"]
        except DomainError as error:  # it is away, or full
            return found | {"code": NOT_REPLAYED, "fails": f"A transform in Python was not replayed. {error}"}
        if came["error"]:
            return found | {"code": came["error"]["code"], "fails": came["error"]["sentence"]}
        outputs = came["output"]
        return found | {"outputs": outputs, "misfit": first_of(misfits(outputs, self.manifest.outputs))}


def with_python(
    sides: tuple[Code, Code],
    calls: list[dict[str, Any]],
    moved: dict[str, Moved],
    answers: list[dict[str, Any]],
    watch: Watch | None = None,
) -> list[dict[str, Any]]:
    """``answers`` of sandbox.upgrades.replaying, with those of each of ``sides`` (old and new) that is in Python."""
    old, new = sides
    if not (is_python(old.manifest) or is_python(new.manifest)):
        return answers
    filled = []
    for done, (call, found) in enumerate(zip(calls, answers, strict=True), 1):
        how = moved.get(call["action"], {})
        given = forward(call["inputs"], how)
        one = dict(found)
        if is_python(old.manifest):
            taken_back = backward(given, how)
            one["old"] = old.answer(call["inputs"], call)
            one["back"] = one["old"] if taken_back == call["inputs"] else old.answer(taken_back, call)
        if is_python(new.manifest):
            one["new"] = new.answer(given, call)
        filled.append(one)
        if watch:
            watch(done)
    return filled
