"""Requests that stand for all requests: every kind of call that some rules can tell apart, as boxes of facts.

A request is a point in a space of few dimensions (who, through what, what is done, how many, when, …). Rules cut each
dimension at the words and numbers they name, so that from those constants a finite number of facts follows: one for
each side of each cut. A rule covers a box of that space, a bit for each fact in each dimension. Which facts a rule
covers is never worked out here but asked of the compiled rules themselves.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from policies.questions import Action, Context, Principal, Question, Resource
from policies.rules.compiling import Snapshot
from policies.rules.dimensions import Dimension, Fact, dimensions_of
from policies.rules.vocabulary import Rule

Box = tuple[int, ...]


@dataclass(frozen=True)
class Measured:
    """A dimension with those facts alone that a rule or a default tells apart; ``covers`` has their bits by rule."""

    name: str
    facts: list[Fact]
    covers: list[int]


class Space:
    """The space that ``rules`` divide. ``boxes`` holds the box of each, in their order.

    It ``is_whole`` where every request is of one of its kinds: too many constants, and some were left out. Without
    ``rare`` ones it leaves out kinds that exist and are not what one thinks of.
    """

    def __init__(self, rules: Sequence[Rule], known: Any = None, *, rare: bool = True):
        # Two versions of one rule may be compared, so each is numbered by its place.
        numbered = [replace(rule, number=place + 1) for place, rule in enumerate(rules)]
        dimensions = list(dimensions_of(numbered, known))
        self.is_whole = all(one.is_whole for one in dimensions)
        self.measured = [_measured(one, numbered, rare=rare) for one in dimensions]
        self.boxes: list[Box] = [tuple(one.covers[place] for one in self.measured) for place in range(len(rules))]

    @property
    def calls(self) -> Box:
        """Every call: what is not an installation, an upgrade or the like."""
        act = ("context", "act")
        return tuple(
            sum(1 << place for place, fact in enumerate(one.facts) if fact.sets.get(act, "call") == "call")
            for one in self.measured
        )

    def overlap(self, one: int, other: int) -> bool:
        """Whether both rules, by their places, are about one request."""
        return all(a & b for a, b in zip(self.boxes[one], self.boxes[other], strict=True))

    def requests(self, box: Box) -> Iterator[tuple[Fact, ...]]:
        """The requests within ``box`` that a default tells apart: one for each, by their facts."""
        return product(*(_told_apart(one, bits) for one, bits in zip(self.measured, box, strict=True)))


def cells(box: Box, cuts: Sequence[Box]) -> Iterator[Box]:
    """The parts of ``box`` of which each of ``cuts`` covers everything or nothing; those with least covered first."""
    todo = [(box, 0)]
    while todo:
        part, at = todo.pop()
        inside = part
        while at < len(cuts):
            inside = tuple(one & other for one, other in zip(part, cuts[at], strict=True))
            if all(inside) and inside != part:
                break
            at += 1
        else:
            yield part
            continue
        todo.append((inside, at + 1))
        for place, (bits, covered) in enumerate(zip(part, cuts[at], strict=True)):
            if outside := bits & ~covered:
                todo.append(((*inside[:place], outside, *part[place + 1 :]), at + 1))


def question_of(facts: Iterable[Fact]) -> Question:
    """The request that ``facts`` describe; what they leave open is a person who may write, calling something live."""
    parts: dict[str, dict[str, Any]] = {
        "principal": {"kind": "person", "id": "somebody", "label": "Somebody", "holds_read": True, "holds_write": True},
        "action": {"target": "another.action", "effect": "write"},
        "resource": {"extension": "another", "kind": "action", "installation_id": "", "version_digest": ""},
        "context": {"mode": "live", "numbers": {}},
    }
    for fact in facts:
        for (part, name), value in fact.sets.items():
            parts[part][name] = parts[part][name] | value if name == "numbers" else value
    parts["resource"]["scopes_granted"] = parts["action"].get("scopes", ())  # the walls stand open
    parts["context"]["simulated"] = parts["context"]["mode"] == "simulated"
    return (
        Principal(**parts["principal"]),
        Action(**parts["action"]),
        Resource(**parts["resource"]),
        Context(**parts["context"]),
    )


def _measured(dimension: Dimension, rules: Sequence[Rule], *, rare: bool) -> Measured:
    asking = Snapshot(0, [dimension.asks(rule) for rule in rules])

    told: dict[tuple[int, Hashable], Fact] = {}
    for fact in (fact for fact in dimension.facts if rare or not fact.is_rare):
        bits = sum(1 << (rule.number - 1) for rule, _ in asking.speaking(*question_of([fact])))
        told.setdefault((bits, fact.told_by_default), fact)
    is_silent = len(told) == 1 and not dimension.always_told
    return Measured(
        dimension.name,
        [replace(fact, words="") if is_silent else fact for fact in told.values()],
        [sum(1 << place for place, (bits, _) in enumerate(told) if bits >> rule & 1) for rule in range(len(rules))],
    )


def _told_apart(measured: Measured, bits: int) -> list[Fact]:
    """The facts of ``bits``, one of each kind that the rules cannot tell apart but a default can."""
    found: dict[Hashable, Fact] = {}
    for place, fact in enumerate(measured.facts):
        if bits >> place & 1:
            found.setdefault(fact.told_by_default, fact)
    return list(found.values())
