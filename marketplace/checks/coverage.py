"""Which of the four paths each action has a fixture for (F108), and whether its tests passed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marketplace.checks.fixtures import stands_for
from registry.manifests import Manifest
from registry.manifests.keys import REQUIRED_SCENARIOS

LABELS = {"happy": "OK", "401": "401", "429": "429", "5xx": "5xx"}
MISSING, FILLED, PASSED, FAILED, RUNNING = "missing", "filled", "passed", "failed", "running"


@dataclass(frozen=True)
class Cell:
    """``state``: missing, filled (not tested), passed, failed or running. ``snippet`` is what a fixture there may begin
    with, in the notation of YAML; ``line`` where it would go."""

    action: str
    scenario: str
    label: str
    state: str
    snippet: str = ""


@dataclass(frozen=True)
class Coverage:
    """``rows`` are pairs of an action's id and its cells."""

    rows: list[tuple[str, list[Cell]]] = field(default_factory=list)

    @property
    def cells(self) -> list[Cell]:
        return [cell for _, cells in self.rows for cell in cells]

    @property
    def total(self) -> int:
        return len(self.cells)

    @property
    def filled(self) -> int:
        return sum(cell.state != MISSING for cell in self.cells)

    @property
    def missing(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.state == MISSING]

    @property
    def is_complete(self) -> bool:
        return not self.missing


_SNIPPETS = {
    "happy": "happy: { status: 200, body: {} }",
    "401": '"401": { status: 401, body: { message: expired } }',
    "429": '"429": { status: 429, headers: { Retry-After: "5" }, body: {} }',
    "5xx": "5xx: { status: 503, body: {} }",
}


def coverage_of(
    manifest: Manifest | None, results: Iterable[Mapping[str, Any]] = (), *, running: bool = False
) -> Coverage:
    """The grid of a manifest. ``results`` are those of a report about these very bytes; while it is ``running`` what
    is filled says so."""
    if manifest is None:
        return Coverage()
    by_cell: dict[tuple[str, str], list[str]] = {}
    for one in results:
        by_cell.setdefault((one["action"], one["scenario"]), []).append(one["status"])
    rows = []
    for action in manifest.actions.values():
        cells = []
        for scenario in REQUIRED_SCENARIOS:
            there = scenario in action.fixtures and stands_for(
                scenario, action.fixtures[scenario], action.raw.get("replies", ())
            )
            states = by_cell.get((action.id, scenario), [])
            tested = PASSED if all(one == "passed" for one in states) else FAILED
            state = MISSING if not there else RUNNING if running else tested if states else FILLED
            cells.append(Cell(action.id, scenario, LABELS[scenario], state, _SNIPPETS[scenario]))
        rows.append((action.id, cells))
    return Coverage(rows)
