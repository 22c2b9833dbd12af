"""A pack as a form: its inputs, its steps with what each is given, and its outcome. What is wrong stands at its field.

``PackForm`` is made of the pack's values; what a browser sends is read back into values by ``pack_values.read_pack``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from marketplace.workshop.pack_places import Flow, Place, word_of
from marketplace.workshop.pack_values import MOST_INPUTS, Values, readable, rows_of
from marketplace.workshop.pack_words import (
    ALWAYS,
    AS_WRITTEN,
    EXPRESSION,
    FIELDS,
    FIXED,
    INPUT_TYPES,
    LEFT_OUT,
    TESTS,
    Condition,
    Input,
    Said,
    condition_of,
    said_of,
    shown_sample,
)
from registry.manifests import Finding, Manifest
from registry.manifests.flow_graph import Graph, graph_of
from registry.manifests.flow_types import check_mappings
from registry.manifests.keys import MAX_STEPS, ON_FAILURE, SIGNALS
from registry.manifests.types import DATA_CLASSES
from registry.manifests.value_shapes import KINDS, Shape, mismatch, of_schema

_PLACE = re.compile(r"steps\[(\d+)\](?:\.(.+))?")
_FAILURES = {"stop": "Stop the run", "skip": "Go on without it", "undo": "Take back what was done, then stop"}
_SIGNALS = {
    "downstream_state": "A changed state in the other system",
    "approved": "A person’s approval",
    "kpi": "A figure that moved",
    "validated": "A validated result",
}
_OUTCOME_FIELDS = ("outcome.success", "outcome.name", "outcome.signal")
_STEP_FIELDS = ("id", "most", "timeout_ms", "on_failure")
_USUAL = ((LEFT_OUT, "Nothing"), (FIXED, "What is typed here"), (EXPRESSION, "An expression"))


@dataclass
class Choice:
    value: str
    label: str
    is_chosen: bool = False


@dataclass
class Row:
    """What one input of a step is given."""

    id: str
    name: str
    title: str
    type: str
    about: str
    is_needed: bool
    said: Said
    was: str
    usual: list[Choice]
    groups: list[tuple[str, list[Choice]]]
    errors: list[str] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return min(max(self.said.text.count("\n") + 1, 1), 12)

    @property
    def is_pointed(self) -> bool:
        return not self.said.how.startswith("=")


@dataclass
class ConditionRow:
    id: str
    said: Condition
    was: str
    usual: list[Choice]
    groups: list[tuple[str, list[Choice]]]
    tests: list[Choice]
    errors: list[str] = field(default_factory=list)


@dataclass
class StepRow:
    at: int
    id: str
    use: str
    title: str
    kind: str
    summary: str
    is_known: bool
    rows: list[Row]
    when: ConditionRow
    each: Row
    most: Any
    timeout_ms: Any
    failures: list[Choice]
    places: list[Place]
    errors: dict[str, list[str]]
    is_first: bool
    is_last: bool

    @property
    def up_id(self) -> str:
        return f"s{self.at}-up"

    @property
    def down_id(self) -> str:
        return f"s{self.at}-down"

    @property
    def name_id(self) -> str:
        return f"s{self.at}-id"

    @property
    def has_faults(self) -> bool:
        rows = [*self.rows, self.each, self.when]
        return bool(self.errors) or any(row.errors for row in rows)

    @property
    def is_special(self) -> bool:
        """Whether it has a condition, a loop or bounds of its own, which are folded away otherwise."""
        return bool(
            self.when.said.of
            or self.each.said.how
            or self.timeout_ms
            or self.when.errors
            or self.each.errors
            or any(one.is_chosen and one.value not in ("", "stop") for one in self.failures)
            or self.errors.keys() & set(_STEP_FIELDS[1:])
        )

    @property
    def other_errors(self) -> list[tuple[str, list[str]]]:
        """What is wrong with what has no field of its own here, by its key in the text."""
        return [(name, words) for name, words in self.errors.items() if name not in _STEP_FIELDS]


@dataclass
class InputRow:
    at: int
    was: str
    said: Input
    sample: str
    types: list[Choice]
    classes: list[Choice]
    is_fixed: bool
    errors: list[str] = field(default_factory=list)

    @property
    def name_id(self) -> str:
        return f"i{self.at}-name"

    @property
    def lines(self) -> int:
        return min(self.sample.count("\n") + 1, 6)


class PackForm:
    """``findings`` are those of the manifest's reader, for the fields that they name."""

    def __init__(self, values: Values, called: Mapping[str, Manifest], findings: list[Finding] = []) -> None:  # noqa: B006
        self.values = values
        self.flow = Flow(readable(values), called)
        self._at_step: dict[tuple[int, str], list[str]] = {}
        self.unplaced: list[Finding] = []
        self._place(findings)

    @cached_property
    def inputs(self) -> list[InputRow]:
        rows = rows_of(self.values)
        is_fixed = rows is None
        if rows is None:
            schema = self.flow.pack.get("inputs", {})
            needed = schema.get("required", ())
            rows = [Input(name, AS_WRITTEN, "", name in needed) for name in schema.get("properties", {})]
        samples = self.values.get("sample", {})
        samples = samples.get("inputs", {}) if isinstance(samples, dict) else {}
        return [self._input(at, one, samples, is_fixed=is_fixed) for at, one in enumerate(rows)]

    def _input(self, at: int, one: Input, samples: Any, *, is_fixed: bool) -> InputRow:
        types = [Choice(value, label, value == one.type) for value, label in INPUT_TYPES.items()]
        if one.type == AS_WRITTEN:
            types = [Choice(AS_WRITTEN, "As the text says", True), *([] if is_fixed else types)]
        classes = [Choice("", "None", not one.data_class)]
        classes += [Choice(name, name.replace("_", " "), name == one.data_class) for name in DATA_CLASSES]
        sample = samples.get(one.name) if isinstance(samples, dict) else None
        return InputRow(at, one.name, one, shown_sample(sample), types, classes, is_fixed)

    @property
    def has_room_for_inputs(self) -> bool:
        return rows_of(self.values) is not None and len(self.inputs) < MOST_INPUTS

    @property
    def has_room_for_steps(self) -> bool:
        return len(self.steps) < MAX_STEPS

    @cached_property
    def steps(self) -> list[StepRow]:
        given = [step for step in self.values.get("steps", ()) if isinstance(step, dict)]
        told = self._told
        return [self._step(at, step, len(given), told) for at, step in enumerate(given)]

    @cached_property
    def _told(self) -> dict[tuple[int, str], list[str]]:
        """What is said of the mappings, and by the reader, by step and field."""
        found = {key: list(words) for key, words in self._at_step.items()}
        at = {step.get("id"): at for at, step in reversed(list(enumerate(self.values.get("steps", ()))))}
        for one in check_mappings(self.flow.pack, self.flow.schemas):
            key = (at.get(one.step, -1), one.field)
            found.setdefault(key, []).append(f"{one.sentence} {one.fix}")
        return found

    def _step(self, at: int, step: Values, count: int, told: dict[tuple[int, str], list[str]]) -> StepRow:
        use = str(step.get("use", ""))
        manifest, action = self.flow.manifest_of(use), self.flow.action_of(use)
        places = self._places(at)
        errors: dict[str, list[str]] = {}
        for (where, name), words in told.items():
            if where == at and not name.startswith("with.") and name not in ("when", "each"):
                errors.setdefault(name, []).extend(words)
        lists = [place for place in places if place.shape.kinds & {"array"}]
        each = self._row(f"s{at}-each", "each", Said(), None, lists)
        each.said = said_of(step.get("each"), {place.expression for place in lists})
        each.usual = _choices(((LEFT_OUT, "Once"), (EXPRESSION, "An expression")), each.said.how)
        each.groups = _groups(lists, each.said.how)
        each.errors = told.get((at, "each"), [])
        return StepRow(
            at=at,
            id=str(step.get("id", "")),
            use=use,
            title=self.flow.name_of(use),
            kind="transform" if manifest is not None and action is None else "action",
            summary=str(step.get("summary", "")),
            is_known=manifest is not None and use in self.flow.schemas,
            rows=self._rows(at, step, use, places, told),
            when=self._condition(f"s{at}-when", step.get("when"), places, told.get((at, "when"), []), "Always"),
            each=each,
            most=step.get("most", ""),
            timeout_ms=step.get("timeout_ms", ""),
            failures=_failures(step.get("on_failure")),
            places=places,
            errors=errors,
            is_first=at == 0,
            is_last=at == count - 1,
        )

    def _places(self, at: int) -> list[Place]:
        """Beside what can be read of the step, since its number counts those that cannot be read too."""
        readable_ids = [step.get("id") for step in self.flow.steps]
        given = self.values.get("steps", ())
        if at < len(given):
            name = given[at].get("id") if isinstance(given[at], dict) else None
            at = readable_ids.index(name) if name in readable_ids else min(at, len(readable_ids))
        else:
            at = len(readable_ids)
        return self.flow.places(at)

    def _rows(
        self, at: int, step: Values, use: str, places: list[Place], told: dict[tuple[int, str], list[str]]
    ) -> list[Row]:
        given = step.get("with") if isinstance(step.get("with"), dict) else {}
        schema = self.flow.schemas.get(use, ({}, {}))[0]
        properties = schema.get("properties", {})
        needed = schema.get("required", ())
        names = [
            *sorted(properties, key=lambda name: name not in needed),
            *(n for n in given or {} if n not in properties),
        ]
        expected = [name for (where, name), _ in told.items() if where == at and name.startswith("with.")]
        rows = []
        for name in names:
            part = properties.get(name, {})
            part = part if isinstance(part, dict) else {}
            row = self._row(f"s{at}-in-{name}", name, Said(), part, places, root=schema)
            value = (given or {}).get(name)
            row.said = said_of(value, {place.expression for place in places})
            row.was = "" if value is None else json.dumps(value, ensure_ascii=False)
            row.is_needed = name in needed
            row.about = str(part.get("description", ""))
            row.title = str(part.get("title") or name)
            usual = list(_USUAL)
            if row.said.how == FIELDS or of_schema(part, schema).kinds <= {"object", "array", "null"}:
                usual.append((FIELDS, "Fields, a line each"))
            row.usual = _choices(tuple(usual), row.said.how)
            fitting = [one for one in places if _fits(one, part, schema) or one.expression == row.said.how]
            row.groups = _groups(fitting, row.said.how)
            places_of_it = (f"with.{name}", f"with.{name}.")
            row.errors = [
                words for one in expected if one == places_of_it[0] or one.startswith(places_of_it[1])
                for words in told[at, one]
            ]  # fmt: skip
            rows.append(row)
        return rows

    def _row(self, id: str, name: str, said: Said, schema: Any, places: list[Place], root: Any = None) -> Row:
        type_of = word_of(of_schema(schema, root)) if schema is not None else "list"
        return Row(id, name, name, type_of, "", False, said, "", [], [])

    def _condition(self, id: str, expression: Any, places: list[Place], errors: list[str], always: str) -> ConditionRow:
        said = condition_of(expression if isinstance(expression, str) else None)
        known = {place.expression for place in places}
        if said.of not in known and said.of not in (ALWAYS, EXPRESSION):
            said = Condition(EXPRESSION, value=str(expression))
        usual = _choices(((ALWAYS, always), (EXPRESSION, "An expression")), said.of)
        tests = [Choice(value, label, value == said.test) for value, label in TESTS.items()]
        return ConditionRow(id, said, str(expression or ""), usual, _groups(places, said.of), tests, errors)

    @cached_property
    def graph(self) -> Graph:
        known = {use: "transform" for use in self.flow.schemas if self.flow.action_of(use) is None}
        return graph_of(self.flow.pack, kinds=known)

    @cached_property
    def outcome(self) -> dict[str, Any]:
        given = self.values.get("outcome")
        given = given if isinstance(given, dict) else {}
        told = self._told
        places = self._places(len(self.values.get("steps", ())))
        errors = told.get((-1, "outcome.success"), [])
        signals = (("", "Not said"), *((one, _SIGNALS[one]) for one in SIGNALS))
        return {
            "name": given.get("name", ""),
            "success": self._condition("outcome-success", given.get("success"), places, errors, "Not said"),
            "signals": _choices(signals, given.get("signal", "")),
            "errors": told.get((-1, "outcome"), []),
            "name_errors": told.get((-1, "outcome.name"), []),
            "signal_errors": told.get((-1, "outcome.signal"), []),
        }

    def kinds_of(self, at: int, name: str) -> frozenset[str]:
        """The JSON types that are expected of an input, or that a place has; for what is typed into its field."""
        if at < len(self.values.get("steps", ())):
            use = str(self.values["steps"][at].get("use", ""))
            schema = self.flow.schemas.get(use, ({}, {}))[0]
            if name in schema.get("properties", {}):
                return of_schema(schema["properties"][name], schema).kinds
        found: Shape | None = next((one.shape for one in self._places(at) if one.expression == name), None)
        return found.kinds if found is not None else KINDS

    def _place(self, findings: list[Finding]) -> None:
        for one in findings:
            says_more = one.fix.removeprefix("Write ").rstrip(".") not in one.message
            words = f"{one.message} {one.fix}".strip() if says_more else one.message
            if found := _PLACE.match(one.path):
                self._at_step.setdefault((int(found[1]), found[2] or ""), []).append(words)
            elif one.path.startswith("outcome"):
                name = one.path if one.path in _OUTCOME_FIELDS else "outcome"
                self._at_step.setdefault((-1, name), []).append(words)
            else:
                self.unplaced.append(one)


def _fits(place: Place, schema: Any, root: Any) -> bool:
    return not place.shape.is_nothing and mismatch(place.shape, schema, root, filled=True) is None


def _failures(said: Any) -> list[Choice]:
    """Stopping is what is meant where nothing is said, and stays unsaid."""
    values = {"stop": said if said == "stop" else ""}
    return _choices(tuple((values.get(one, one), _FAILURES[one]) for one in ON_FAILURE), said or "")


def _choices(pairs: tuple[tuple[str, str], ...], chosen: Any) -> list[Choice]:
    return [Choice(value, label, value == chosen) for value, label in pairs]


def _groups(places: list[Place], chosen: str) -> list[tuple[str, list[Choice]]]:
    groups: dict[str, list[Choice]] = {}
    for place in places:
        groups.setdefault(place.group, []).append(Choice(place.expression, place.label, place.expression == chosen))
    return list(groups.items())
