"""Code that is not published yet, run for a contract test: sealed like every run, and answered by the order itself."""

import secrets
from collections.abc import Sequence
from typing import Any

from galaxy.core.egress import FixtureTransport
from galaxy.core.egress.exchanges import BadFixtures, ScriptTransport
from galaxy.core.egress.rules import HostRule
from registry.manifests import load
from sandbox.contract_tests.examples import secret_names
from sandbox.pool import Pool
from sandbox.sandboxd.execution import Result, Ways, execute
from sandbox.sandboxd.orders import BadOrder, TestOrder
from sandbox.sandboxd.programs import holder_of, program

KEY = bytes(32)  # of the placeholders, which stand for nothing here: the same test gives the same bytes


class MadeUp:
    """Secrets that mean nothing, for every name that the code asks for; they may go to the declared hosts."""

    def __init__(self, rules: Sequence[HostRule]):
        self._hosts = [rule.host for rule in rules]

    def open(self, name: str, *, host: str, purpose: str) -> str:
        return secrets.token_hex(16)

    def bound_hosts(self, name: str) -> Sequence[str]:
        return self._hosts

    def places(self, name: str) -> Sequence[str]:
        return ("header", "query", "body")


def run(pool: Pool, order: TestOrder) -> Result:
    """Raises BadOrder for a manifest that declares no such code, or replies that are none."""
    manifest = load(order.manifest)
    try:
        holder = holder_of(manifest, order.target)
        wanted = program(manifest, holder, holder["code_file"], order.code)
        transport: Any = ScriptTransport(order.replies) if order.in_turn else FixtureTransport(order.replies)
    except (KeyError, TypeError, AttributeError, BadFixtures, ValueError) as error:
        raise BadOrder(f"This test cannot be run: {type(error).__name__}.") from error
    return execute(
        pool,
        wanted,
        workspace=str(order.workspace),
        run_id="contract-test",
        inputs=order.inputs,
        seed=order.seed,
        now=order.now,
        ways=Ways(transport, transport),
        source=MadeUp(wanted.rules),
        names=() if manifest.kind == "transform" else tuple(secret_names(order.code)),
        key=KEY,
    )
