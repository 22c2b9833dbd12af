"""Python of contract tests in sealed workers of this very process: for a creator's shell, where no sandboxd listens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.contract_tests.python import Sandbox
from sandbox.pool import Pool
from sandbox.sandboxd.contract_tests import run
from sandbox.sandboxd.orders import TestOrder
from sandbox.sandboxd.service import answer_of


@contextmanager
def local_sandbox() -> Iterator[type[Sandbox]]:
    """A Sandbox whose code runs behind the same walls, without sandboxd. Raises SandboxUnavailable on a machine that
    lacks one of them."""
    with Pool(1) as pool:

        class Here(Sandbox):
            def _answer(self, order: TestOrder, seconds: float) -> dict[str, Any]:
                return answer_of(run(pool, order))

        yield Here
