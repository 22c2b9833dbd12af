"""What stands between a draft and its submission, as a list to be worked off."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketplace.checks.coverage import Coverage
from marketplace.checks.listing import Checked

_SECRETS = {"leaked-secret"}
_NAMES = {"look-alike-name", "look-alike-publisher", "name-taken"}
_WORDS = {"no-licence", "no-docs"}
_HOSTS = {"call-outside-egress"}


@dataclass(frozen=True)
class Point:
    """One thing to have done; ``note`` says what is left of it."""

    title: str
    is_done: bool
    note: str = ""


@dataclass(frozen=True)
class Ready:
    points: list[Point]

    @property
    def done(self) -> int:
        return sum(point.is_done for point in self.points)

    @property
    def is_ready(self) -> bool:
        return self.done == len(self.points)

    @property
    def open(self) -> list[Point]:
        return [point for point in self.points if not point.is_done]


def ready_of(checked: Checked, coverage: Coverage, report: Mapping[str, Any] | None, *, running: bool = False) -> Ready:
    """``report`` is that of the contract tests of these very bytes, None where there is none."""
    taken = _SECRETS | _NAMES | _WORDS | _HOSTS
    left = [one for one in checked.obstacles if one.code not in taken and not _is_path(one.path)]
    points = [
        Point("Manifest without errors", checked.manifest is not None and not left, _first(left)),
        _without(checked, _NAMES, "Name free, and like no other"),
        _without(checked, _SECRETS, "No secrets found in the text"),
        _without(checked, _HOSTS, "Calls stay within the hosts"),
        _without(checked, _WORDS, "Licence and documentation"),
    ]
    if coverage.total:
        missing = len(coverage.missing)
        points.append(Point("All four paths on each action", coverage.is_complete, f"{missing} missing"))
    points.append(_tests(report, running=running))
    return Ready(points)


def _tests(report: Mapping[str, Any] | None, *, running: bool) -> Point:
    if running:
        return Point("Contract tests passed", False, "Running")
    if report is None:
        return Point("Contract tests passed", False, "Not run on what is saved")
    passed, total = report.get("passed", 0), report.get("total", 0)
    return Point("Contract tests passed", bool(total) and passed == total, f"{total - passed} of {total} did not pass")


def _without(checked: Checked, codes: set[str], title: str) -> Point:
    found = [one for one in checked.obstacles if one.code in codes]
    return Point(title, checked.manifest is not None and not found, _first(found))


def _first(findings: list[Any]) -> str:
    if not findings:
        return ""
    where = f", line {findings[0].line}" if findings[0].line and not findings[0].file else ""
    return f"{len(findings)} left{where}"


def _is_path(path: str) -> bool:
    """Whether a finding is about a fixture that is missing: the grid tells of those."""
    return ".fixtures." in path and path.startswith("actions.")
