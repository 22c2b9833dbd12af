"""The rules about one action, with an index over who asks and under which circumstances.

A set of rules is a number whose bits are the rules. For every fact that a rule may ask about (a role, a data class, …)
there is the set of rules that the fact satisfies, those that do not ask about it included; the sets of all facts of a
request are intersected. Counts, amounts and hours are looked at on the few rules that remain (policies.rules.clauses).
What rules a set has is remembered, and what those of them say that always say the same.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from policies.answers import Reason
from policies.questions import Context, Principal
from policies.rules.clauses import CompiledRule
from policies.rules.parts import ANY, MODES, Who

Names = Callable[[CompiledRule], Iterable[str]]
Candidate = tuple[CompiledRule, Reason | None]
_MAX_REMEMBERED = 64  # sets of candidates, of each shortlist


class Shortlist:
    """``rules``, by number, all about the same action. ``always`` is what each of them says whatever the circumstances,
    None where they matter. Never changes: what it remembers only saves work."""

    __slots__ = (
        "_agents",
        "_always",
        "_any_agent",
        "_candidates",
        "_classes",
        "_everybody",
        "_modes",
        "_new_places",
        "_owner_roles",
        "_packs",
        "_people",
        "_roles",
        "_triggers",
        "_unclassed",
        "rules",
    )

    def __init__(self, rules: Sequence[CompiledRule], always: Sequence[Reason | None]):
        self.rules, self._always = rules, always
        self._candidates: dict[int, tuple[Candidate, ...]] = {}  # by set
        self._index_askers()
        # What is not known speaks for whatever denies or asks, and never for what allows.
        modes = _named(rules, lambda rule: [rule.mode] if rule.mode else [])
        modeless, wary = _bits(rules, lambda rule: not rule.mode), _bits(rules, lambda rule: not rule.must_know)
        self._modes = {mode: modeless | modes.get(mode, 0) for mode in MODES} | {"": modeless | wary}
        elsewhere = _bits(rules, lambda rule: not rule.new_destination)
        self._new_places = {True: -1, False: elsewhere, None: elsewhere | wary}
        self._unclassed = _bits(rules, lambda rule: not rule.classes)
        self._classes = _named(rules, lambda rule: rule.classes)

    def candidates(self, principal: Principal, context: Context) -> tuple[Candidate, ...]:
        """The rules for which all speaks but a count, an amount or the hour, by number, with what they always say."""
        bits = self._all_but_checked(principal, context)
        found = self._candidates.get(bits)
        if found is None:
            places = [place for place in range(bits.bit_length()) if bits >> place & 1]
            found = tuple((self.rules[place], self._always[place]) for place in places)
            remember(self._candidates, bits, found, _MAX_REMEMBERED)
        return found

    def _all_but_checked(self, principal: Principal, context: Context) -> int:
        bits = self._unclassed
        if self._classes:
            for name in context.data_classes:
                bits |= self._classes.get(name, 0)
        modes = self._modes
        return (
            bits
            & modes.get(context.mode, modes[""])
            & self._new_places[context.new_destination]
            & self._asked_by(principal, context)
        )

    def _index_askers(self) -> None:
        rules = self.rules
        self._everybody = _bits(rules, lambda rule: rule.source.who == Who())
        self._people = self._everybody | _bits(rules, lambda rule: rule.source.who.people)
        self._agents = _named(rules, lambda rule: rule.source.who.agents)
        self._any_agent = self._everybody | self._agents.get(ANY, 0)
        self._packs = _named(rules, lambda rule: rule.source.who.packs)
        self._triggers = _named(rules, lambda rule: rule.source.who.triggers)
        self._roles = _named(rules, lambda rule: rule.source.who.roles)
        # A role speaks for a person, and for their agents where it denies or asks: nothing is allowed to an agent
        # because its owner may do it.
        wary = _bits(rules, lambda rule: not rule.must_know)
        self._owner_roles = {role: bits & wary for role, bits in self._roles.items()}

    def _asked_by(self, principal: Principal, context: Context) -> int:
        """The rules that speak of whoever asks, by what they are or by what they call through."""
        if principal.is_agent:
            roles, bits = self._owner_roles, self._any_agent
            if self._agents:
                bits |= self._agents.get(principal.agent or principal.id, 0)
        else:
            roles, bits = self._roles, self._people
        if roles:
            for role in principal.roles:
                bits |= roles.get(role, 0)
        if context.pack and self._packs:
            bits |= self._packs.get(ANY, 0) | self._packs.get(context.pack, 0)
        if context.trigger and self._triggers:
            bits |= self._triggers.get(ANY, 0) | self._triggers.get(context.trigger, 0)
        return bits


def remember(memory: dict[Any, Any], key: object, value: object, most: int) -> None:
    """Keep ``value``; where ``most`` are remembered, everything is forgotten first."""
    if len(memory) >= most:
        memory.clear()
    memory[key] = value


def _bits(rules: Sequence[CompiledRule], holds: Callable[[CompiledRule], object]) -> int:
    """The set of those ``rules`` for which ``holds``."""
    bits = bytearray(len(rules) // 8 + 1)
    for place, rule in enumerate(rules):
        if holds(rule):
            bits[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(bits, "little")


def _named(rules: Sequence[CompiledRule], names: Names) -> dict[str, int]:
    """The set of rules that name it, for everything that is named."""
    found: dict[str, int] = {}
    for place, rule in enumerate(rules):
        for name in names(rule):
            found[name] = found.get(name, 0) | 1 << place
    return found
