"""Python of a draft or a version, run in the sealed sandbox of this host: recorded answers, no network, no secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from registry.manifests import ActionSpec, Manifest
from sandbox.contract_tests.bench import NOW
from sandbox.contract_tests.examples import inputs_of, recording_of
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.orders import TestOrder
from sandbox.sandboxd.programs import holder_of, limits_of

SPARE_S = 8.0
SEED = 7


@dataclass(frozen=True)
class Sandbox:
    """Runs the code of one manifest for one workspace, whose share of the sandbox's places it takes. Every method
    gives sandboxd's answer, {outcome, exchanges, output_digest, may_have_acted}, and raises what ``ask`` does."""

    workspace: UUID
    manifest: Manifest
    files: Mapping[str, bytes]

    def recorded(self, action: ActionSpec, scenario: str) -> dict[str, Any]:
        """Answered by the recorded exchanges of the scenario."""
        exchanges = recording_of(action.id, scenario, self.files)
        return self._run(action.id, inputs_of(action, scenario), exchanges, in_turn=False)

    def scripted(self, action: ActionSpec, reply: dict[str, Any]) -> dict[str, Any]:
        """Answered by ``reply``, whatever it asks."""
        return self._run(action.id, inputs_of(action), [reply], in_turn=True)

    def transformed(self, inputs: dict[str, Any], *, seed: int = SEED, now: datetime = NOW) -> dict[str, Any]:
        return self._run(self.manifest.id, inputs, [], in_turn=True, seed=seed, now=now)

    def _run(
        self,
        target: str,
        inputs: Any,
        replies: list[dict[str, Any]],
        *,
        in_turn: bool,
        seed: int = SEED,
        now: datetime = NOW,
    ) -> dict[str, Any]:
        holder = holder_of(self.manifest, target)
        name = holder["code_file"]
        order = TestOrder(
            workspace=self.workspace,
            manifest=self.manifest.canonical,
            target=target,
            code=self.files[name].decode("utf-8", "replace"),
            inputs=inputs,
            seed=seed,
            now=now,
            replies=replies,
            in_turn=in_turn,
        )
        return self._answer(order, limits_of(holder).wall_ms / 1000 + SPARE_S)

    def _answer(self, order: TestOrder, seconds: float) -> dict[str, Any]:
        return ask("test", order.as_body(), seconds=seconds)
