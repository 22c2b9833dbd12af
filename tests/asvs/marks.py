"""Which test proves which demand of ASVS 5.0.0: read off the marks, ``@pytest.mark.asvs("8.2.1")``, without a run."""

import ast
import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("requirements.csv")
COUNTS = {1: 70, 2: 183, 3: 92}  # of version 5.0.0


@dataclass(frozen=True)
class Requirement:
    id: str
    level: int
    demand: str
    held: str  # "test"; "absent": there is no such thing here; "outside": by whoever runs Galaxy
    note: str  # why, where it is held otherwise than by a test; what is missing, where it is not held

    @property
    def chapter(self) -> int:
        return int(self.id.partition(".")[0])


@cache
def requirements() -> dict[str, Requirement]:
    with FILE.open(encoding="utf-8", newline="") as lines:
        return {row["id"]: Requirement(**(row | {"level": int(row["level"])})) for row in csv.DictReader(lines)}  # type: ignore[arg-type]


@cache
def marked() -> dict[str, tuple[str, ...]]:
    """The ids of demands by test, ``tests/…/test_x.py::test_y``."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.asvs(" not in text:
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and (ids := _ids(node)):
                found[f"{path.relative_to(ROOT).as_posix()}::{node.name}"] = ids
    return found


def _ids(node: ast.FunctionDef) -> tuple[str, ...]:
    calls = [one for one in node.decorator_list if isinstance(one, ast.Call)]
    ours = [one for one in calls if ast.unparse(one.func) == "pytest.mark.asvs"]
    return tuple(ast.literal_eval(argument) for one in ours for argument in one.args)


def proofs_of(requirement: str) -> list[str]:
    return sorted(test for test, ids in marked().items() if requirement in ids)
