"""Running the tests of a manifest, one after the other; what comes of it is a report that can be kept as JSON."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from galaxy.core.errors import DomainError
from registry.manifests import Manifest, version_digest
from sandbox.contract_tests import checks, undo
from sandbox.contract_tests.bench import NOBODY
from sandbox.contract_tests.checks import Bench, Failed
from sandbox.contract_tests.generate import ContractTest, generate
from sandbox.contract_tests.python import Sandbox

log = structlog.get_logger(__name__)
PASSED, FAILED, UNTESTED = "passed", "failed", "untested"
LONGEST = 300  # characters of what is told of one failure
_CHECKS: dict[str, Callable[[Bench], None]] = {"undoes": undo.undoes} | {
    name: getattr(checks, name)
    for name in (
        *("refuses", "leaves", "maps", "classified", "not_repeated", "waits", "gives_up", "repeats", "simulates"),
        *("same_twice", "inputs_fit", "golden", "same_bytes", "event_fits", "sample_fits", "first_step"),
    )
}


@dataclass(frozen=True)
class Result:
    """``status`` is passed, failed or untested (the sandbox did not run it); ``expected`` and ``got`` are told where it
    did not pass."""

    id: str
    action: str
    scenario: str
    title: str
    status: str
    expected: str = ""
    got: str = ""
    took_ms: int = 0


@dataclass
class Report:
    """What came of all tests of the bytes called ``digest`` (of manifest and files together)."""

    digest: str
    started: datetime
    results: list[Result] = field(default_factory=list)
    took_ms: int = 0

    @property
    def passed(self) -> int:
        return sum(one.status == PASSED for one in self.results)

    @property
    def failures(self) -> list[Result]:
        return [one for one in self.results if one.status != PASSED]

    @property
    def has_passed(self) -> bool:
        """Every test passed, and there was one."""
        return bool(self.results) and not self.failures

    def as_dict(self) -> dict[str, Any]:
        return {
            "digest": self.digest,
            "started": self.started.isoformat(),
            "took_ms": self.took_ms,
            "passed": self.passed,
            "total": len(self.results),
            "results": [asdict(one) for one in self.results],
        }


def run_tests(
    manifest: Manifest,
    files: Mapping[str, bytes] | None = None,
    *,
    workspace: UUID = NOBODY,
    on_result: Callable[[int, int], None] | None = None,
    sandbox: type[Sandbox] = Sandbox,
) -> Report:
    """Run every test of ``generate``. ``workspace`` is whose share of the sandbox's places Python takes; ``on_result``
    is told after each test how many are done, of how many; ``sandbox`` is who runs Python, sandboxd where it is left
    out. Nothing is reached and nothing is stored."""
    files = dict(files or {})
    tests = generate(manifest, files)
    report = Report(version_digest(manifest, files), timezone.now())
    begun = time.perf_counter()
    place = sandbox(workspace, manifest, files)
    for number, test in enumerate(tests, 1):
        report.results.append(_run(test, manifest, files, place))
        if on_result:
            on_result(number, len(tests))
    report.took_ms = round((time.perf_counter() - begun) * 1000)
    return report


def _run(test: ContractTest, manifest: Manifest, files: Mapping[str, bytes], sandbox: Sandbox) -> Result:
    action = manifest.actions.get(test.action) if test.action else None
    bench = Bench(manifest, files, test.scenario, action, sandbox)
    begun = time.perf_counter()
    status, expected, got = PASSED, "", ""
    try:
        _CHECKS[test.check](bench)
    except Failed as failed:
        status, expected, got = FAILED, failed.expected, failed.got
    except DomainError as error:  # the sandbox is away, or refuses
        status, expected, got = UNTESTED, "the sandbox to run it", f"{error} {error.next_step}"
    except Exception as error:  # what breaks on a stranger's manifest is a failure of its test, told without values
        log.warning("contract test broke", test=test.id, error=type(error).__name__)
        status, expected, got = FAILED, "the test to run", f"it broke on this manifest ({type(error).__name__})"
    took_ms = round((time.perf_counter() - begun) * 1000)
    told = (expected[:LONGEST], got[:LONGEST])
    return Result(test.id, test.action, test.scenario, test.title, status, *told, took_ms)
