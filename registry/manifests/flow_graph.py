"""The steps of a pack as a small graph: what reads what, laid out in one column so that a phone shows it whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from .expressions import BadExpression, parse

WIDTH, LEFT, BOX_WIDTH, BOX_HEIGHT, PITCH = 320, 40, 276, 48, 72
MOST_LANES = 4  # beside the boxes; what would need more shares the last
LONGEST_NAME, LONGEST_USE = 20, 32  # signs that fit a box


@dataclass(frozen=True)
class State:
    """How a step of a run is: ``tone`` and ``icon`` as of a badge, ``word`` for a person, ``url`` of its own page."""

    word: str
    tone: str = "plain"
    icon: str = "circle-dashed"
    url: str = ""


@dataclass(frozen=True)
class Node:
    """A step, or the outcome behind them (``use`` is "" then). ``reads`` are the names of what it takes values of."""

    name: str
    use: str
    icon: str
    y: int
    when: str = ""
    each: str = ""
    most: int | None = None
    on_failure: str = ""
    reads: tuple[str, ...] = ()
    state: State | None = None

    @property
    def short_name(self) -> str:
        return _short(self.name, LONGEST_NAME)

    @property
    def short_use(self) -> str:
        return _short(self.use, LONGEST_USE)

    @property
    def middle(self) -> int:
        return self.y + BOX_HEIGHT // 2


@dataclass(frozen=True)
class Edge:
    """A line from one box to a later one as the path of an SVG; ``is_data`` where values go along it."""

    path: str
    head: str
    is_data: bool
    is_dashed: bool


@dataclass(frozen=True)
class Graph:
    nodes: list[Node]
    edges: list[Edge] = field(default_factory=list)
    outcome: Node | None = None

    width, left, box_width, box_height = WIDTH, LEFT, BOX_WIDTH, BOX_HEIGHT

    @property
    def height(self) -> int:
        return PITCH * (len(self.nodes) + bool(self.outcome)) - (PITCH - BOX_HEIGHT) + 8 if self.nodes else 0

    @property
    def boxes(self) -> list[Node]:
        return [*self.nodes, *([self.outcome] if self.outcome else [])]

    @property
    def title(self) -> str:
        """The accessible name of the drawing, which says what it is; what it shows stands in the list below it."""
        count = len(self.nodes)
        states = [node.state.word.partition(",")[0].lower() for node in self.nodes if node.state]
        told = ", ".join(f"{states.count(word)} {word}" for word in dict.fromkeys(states))
        return f"{count} step{'' if count == 1 else 's'}{f': {told}' if told else ''}"


def graph_of(
    pack: Mapping[str, Any], states: Mapping[str, State] | None = None, kinds: Mapping[str, str] | None = None
) -> Graph:
    """``pack`` is canonical, ``states`` say how a step is by its id, ``kinds`` the kind of what a ``use`` calls."""
    steps = [step for step in pack.get("steps", ()) if step.get("id")]
    nodes = [
        Node(
            name=step["id"],
            use=step.get("use", ""),
            icon="shuffle" if (kinds or {}).get(step.get("use", "")) == "transform" else "zap",
            y=4 + PITCH * at,
            when=step.get("when", ""),
            each=step.get("each", ""),
            most=step.get("most"),
            on_failure=step.get("on_failure", ""),
            reads=tuple(_reads(step)),
            state=(states or {}).get(step["id"]),
        )
        for at, step in enumerate(steps)
    ]
    success = pack.get("outcome", {}).get("success")
    outcome = None
    if success:
        name = str(pack["outcome"].get("name") or "outcome")
        read = tuple(_reads({"when": success}))
        outcome = Node(name, "", "flag", 4 + PITCH * len(nodes), reads=read, state=(states or {}).get(""))
    return Graph(nodes, list(_edges(nodes, outcome)), outcome)


def _edges(nodes: list[Node], outcome: Node | None) -> Iterator[Edge]:
    boxes = [*nodes, *([outcome] if outcome else [])]
    at = {node.name: number for number, node in enumerate(nodes)}
    for before, after in pairwise(boxes):
        x = LEFT + BOX_WIDTH // 2
        top, bottom = before.y + BOX_HEIGHT, after.y
        is_data = before.name in after.reads
        yield Edge(f"M{x} {top}V{bottom - 6}", _head_down(x, bottom), is_data, bool(after.when))
    taken: list[list[tuple[int, int]]] = []
    for number, node in enumerate(boxes):
        for name in node.reads:
            source = at.get(name)
            if source is None or source >= number - 1:
                continue
            lane = _free_lane(taken, source, number)
            x = LEFT - 8 - 7 * lane
            path = f"M{LEFT} {nodes[source].middle}H{x}V{node.middle}H{LEFT - 5}"
            yield Edge(path, _head_right(LEFT, node.middle), True, bool(node.when))


def _free_lane(taken: list[list[tuple[int, int]]], start: int, end: int) -> int:
    """The first lane in which no other line passes between the two."""
    for lane, spans in enumerate(taken):
        if all(end <= other_start or start >= other_end for other_start, other_end in spans):
            spans.append((start, end))
            return lane
    if len(taken) < MOST_LANES:
        taken.append([(start, end)])
        return len(taken) - 1
    taken[-1].append((start, end))
    return len(taken) - 1


def _head_down(x: int, y: int) -> str:
    return f"M{x - 4} {y - 6}L{x} {y}L{x + 4} {y - 6}Z"


def _head_right(x: int, y: int) -> str:
    return f"M{x - 6} {y - 4}L{x} {y}L{x - 6} {y + 4}Z"


def _reads(step: Mapping[str, Any]) -> list[str]:
    """The steps that a step takes values of, and ``inputs``, in the order of its expressions."""
    found: dict[str, None] = {}
    for expression in _leaves([step.get("each"), step.get("when"), step.get("with")]):
        try:
            references = parse(expression)
        except BadExpression:
            continue
        for one in references:
            if one.root == "steps" and one.member:
                found[one.member] = None
            elif one.root == "inputs":
                found["inputs"] = None
    return list(found)


def _leaves(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from _leaves(part)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
