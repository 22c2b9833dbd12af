"""``make oracles``: every comparison, then the table of actions with what came of it. ``--write`` writes the page.

The exit status is 0 when nothing disagrees.
"""

import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.oracles.official import action_of
from tests.oracles.shipped import ACTIONS
from tests.oracles.table import ORACLES, document

PAGE = Path(__file__).parents[2] / "docs" / "oracles.md"
GREEN, RED, PLAIN = ("\33[32m", "\33[31m", "\33[0m") if sys.stdout.isatty() else ("", "", "")
MARKS = {"passed": f"{GREEN}✓{PLAIN}", "failed": f"{RED}✗{PLAIN}", "skipped": "skipped", "": "not run"}


class Outcomes:
    """A pytest plugin that keeps what became of each action, by oracle: the worst outcome of all its tests."""

    def __init__(self) -> None:
        self.actions: dict[str, tuple[str, list[str]]] = {}
        self.found: dict[tuple[str, str], set[str]] = defaultdict(set)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        title = next((oracle.title for oracle in ORACLES if item.path.stem in oracle.modules), "")
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        name, connector = action_of(parameters.get("name", "")), parameters.get("connector")
        concerned = [action for action in ACTIONS if action == name or action.partition(".")[0] == connector]
        self.actions[item.nodeid] = (title, concerned)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            title, concerned = self.actions[report.nodeid]
            for action in concerned:
                self.found[action, title].add(report.outcome)

    def of(self, action: str, title: str) -> str:
        outcomes = self.found[action, title]
        return next((outcome for outcome in ("failed", "skipped", "passed") if outcome in outcomes), "")


def main() -> int:
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(document())
        print(f"{PAGE.relative_to(Path.cwd())} is written.")
        return 0
    outcomes = Outcomes()
    status = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", str(Path(__file__).parent)], [outcomes])
    print(f"\n{'action':34}" + "".join(f"{oracle.title:22}" for oracle in ORACLES))
    for action in ACTIONS:
        marks = [MARKS[outcomes.of(action, o.title)] if action in o.proofs else "" for o in ORACLES]
        print(f"{action:34}" + "".join(f"{mark}{' ' * (22 - _width(mark))}" for mark in marks).rstrip())
    compared = [(action, o.title) for action in ACTIONS for o in ORACLES if action in o.proofs]
    agreed = sum(outcomes.of(*one) == "passed" for one in compared)
    print(f"\n{len(ACTIONS)} actions, {len(compared)} comparisons, {agreed} agree.")
    return int(status)


def _width(mark: str) -> int:
    return len(mark.removeprefix(GREEN).removeprefix(RED).removesuffix(PLAIN)) if GREEN else len(mark)


if __name__ == "__main__":
    sys.exit(main())
