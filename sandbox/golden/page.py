"""What the page of a golden flow shows of one night, and the mark that the page of its pack shows."""

from dataclasses import dataclass
from typing import Any

from sandbox.golden.comparing import WORDS, words_of_host
from sandbox.golden.versions import NEWEST, PINNED
from sandbox.models import GoldenNight
from sandbox.shown import shown_value

TITLES = {PINNED: "With the pinned versions", NEWEST: "With the newest versions"}
EFFECTS = {"allow": "Allowed", "require_approval": "Asks for approval", "deny": "Refused", "": "Not known"}
LONGEST = 200  # characters of one value


@dataclass(frozen=True)
class Side:
    """``rows`` are the findings with their word and the title of their case; ``is_same`` where newest is pinned."""

    id: str
    title: str
    versions: dict[str, str]
    rows: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    is_same: bool

    @property
    def words(self) -> str:
        return f"{len(self.rows)} finding{'' if len(self.rows) == 1 else 's'}"


def sides_of(night: GoldenNight) -> list[Side]:
    titles = {case["id"]: case["title"] for case in night.content.get("cases", [])}
    sides = night.sides
    found = []
    for id in (PINNED, NEWEST):
        if id not in sides:
            continue
        one = sides[id]
        rows = [
            row | {"word": WORDS.get(row["kind"], row["kind"]), "title": titles.get(row["case"], row["case"])}
            for row in one["findings"]
        ]
        wrong = {row["case"] for row in rows}
        cases = [
            {"id": played["id"], "title": titles.get(played["id"], played["id"]), "is_well": played["id"] not in wrong}
            | {"steps": len(played["steps"]), "outcome": played["outcome"], "fails": played["fails"]}
            for played in one["played"]
        ]
        is_same = id == NEWEST and one["versions"] == sides[PINNED]["versions"]
        found.append(Side(id, TITLES[id], one["versions"], rows, cases, is_same))
    return found


def case_of(night: GoldenNight, side: str, case: str) -> dict[str, Any] | None:
    """One case step by step: {title, side, steps: [{step, use, words, inputs, outputs, fails, hosts, ...}]}."""
    cases = {one["id"]: one for one in night.content.get("cases", [])}
    if side not in night.sides or case not in cases:
        return None
    played = next((one for one in night.sides[side]["played"] if one["id"] == case), None)
    if played is None:
        return None
    steps = [
        step
        | {"effect_word": EFFECTS.get(step.get("effect", ""), "Not known")}
        | {"hosts": [words_of_host(one) for one in step.get("hosts", ())]}
        | {"given": _pairs(step.get("inputs")), "came": _pairs(step.get("outputs"))}
        for step in played["steps"]
    ]
    return {
        "title": cases[case]["title"],
        "side": TITLES[side],
        "steps": steps,
        "outcome": played["outcome"],
        "fails": played["fails"],
    }


def _pairs(values: Any) -> list[tuple[str, str]]:
    if not isinstance(values, dict):
        return [] if values is None else [("", shown_value(values)[:LONGEST])]
    return [(name, shown_value(value)[:LONGEST]) for name, value in sorted(values.items())]
