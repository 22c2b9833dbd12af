"""Rules compiled for evaluation: an index that finds those which can match.

A set of rules is a number whose bits are the rules. For every fact that a rule may ask about (an extension, an effect,
a role, …) the index holds the set of rules that the fact satisfies, those that do not ask about it included. The sets
of all facts of a request are intersected, so that a request costs the same whether there are a hundred rules or ten
thousand. Counts, amounts and hours are looked at on the few rules that remain (policies.rules.clauses).
"""

from collections.abc import Callable, Iterable, Sequence

from policies.answers import Reason
from policies.models import Effect
from policies.questions import Action, Context, Principal, Resource
from policies.rules.asks import Ask, merged
from policies.rules.clauses import CompiledRule
from policies.rules.parts import ANY, MODES, Who
from policies.rules.scopes import PatternIndex
from policies.rules.vocabulary import Rule

_MAX_REMEMBERED = 10_000


class Table:
    """Which rules a value satisfies: ``named`` has it for every value that a rule names, ``others`` is for the rest.

    Both include the rules that ask nothing of the kind.
    """

    __slots__ = ("named", "others")

    def __init__(self, rules: Sequence[Rule], names: Callable[[Rule], Iterable[str]]):
        self.others = bits_of(rules, lambda rule: not names(rule))
        self.named = {name: bits | self.others for name, bits in _named(rules, names).items()}


class Snapshot:
    """A workspace's rules, compiled and named by one number. Version 0 has none: the defaults alone answer.

    Never changes: what it remembers (which rules cover a scope, several asks put together) only saves work.
    ``fault`` says why the rules could not be read, "" where they were; then every answer is no.
    """

    def __init__(self, version: int = 0, rules: Iterable[Rule] = (), *, fault: str = ""):
        self.version, self.fault = version, fault
        self.rules = rules = tuple(sorted(rules, key=lambda rule: (rule.number, rule.id)))
        self._compiled = [CompiledRule(rule, place) for place, rule in enumerate(rules)]
        self._acts = Table(rules, lambda rule: rule.what.acts)
        self._effects = Table(rules, lambda rule: rule.what.effects)
        self._extensions = Table(rules, lambda rule: rule.what.extensions)
        self._targets = Table(rules, lambda rule: rule.what.actions)
        self._kinds = Table(rules, lambda rule: rule.what.kinds)
        self._levels = Table(rules, lambda rule: rule.what.levels)
        self._classes = Table(rules, lambda rule: rule.when.classes)
        self._modes = Table(rules, lambda rule: [rule.when.mode] if rule.when.mode else [])
        # What is not known speaks for whatever denies or asks, and never for what allows.
        wary = bits_of(rules, lambda rule: rule.effect != Effect.ALLOW)
        for mode in MODES:
            self._modes.named.setdefault(mode, self._modes.others)  # a mode that no rule names is known all the same
        self._modes.others |= wary
        self._harmless = bits_of(rules, lambda rule: not rule.when.destructive)
        self._known_places = bits_of(rules, lambda rule: not rule.when.new_destination)
        self._unknown_places = self._known_places | wary
        self._index_askers(wary)
        self._scopes = PatternIndex()
        self._scopes.bits = bits_of(rules, lambda rule: not rule.what.scopes)
        for place, rule in enumerate(rules):
            for pattern in rule.what.scopes:
                self._scopes.add(pattern, 1 << place)
        self._covered: dict[str, int] = {}
        self._asks: dict[tuple[bool | None, tuple[int, ...]], Ask] = {}

    def __len__(self) -> int:
        return len(self.rules)

    def speaking(
        self, principal: Principal, action: Action, resource: Resource, context: Context
    ) -> list[tuple[CompiledRule, Reason]]:
        """Every rule that speaks about the request, by number, with why."""
        if not self._compiled:
            return []
        found = []
        bits = self._candidates(principal, action, resource, context)
        while bits:
            rule = self._compiled[(bits & -bits).bit_length() - 1]
            bits &= bits - 1
            reason = rule.reason(action, resource, context)
            if reason is not None:
                found.append((rule, reason))
        return found

    def cover(self, scopes: Iterable[str], rules: Iterable[CompiledRule]) -> bool:
        """Whether there are ``rules`` and each of ``scopes`` is covered by one of them."""
        bits = 0
        for rule in rules:
            bits |= 1 << rule.place
        return bits != 0 and all(self._covering(scope) & bits for scope in scopes)

    def asking(self, default: Ask | None, rules: Sequence[CompiledRule]) -> Ask:
        """What ``rules`` ask for, and ``default`` too, put together."""
        key = (default.second_factor if default else None, tuple(rule.place for rule in rules))
        ask = self._asks.get(key)
        if ask is None:
            ask = merged([*([default] if default else []), *(rule.ask for rule in rules if rule.ask)])
            _remember(self._asks, key, ask)
        return ask

    def _candidates(self, principal: Principal, action: Action, resource: Resource, context: Context) -> int:
        """The rules for which all speaks but a count, an amount or the hour."""
        acts, effects, extensions, targets = self._acts, self._effects, self._extensions, self._targets
        kinds, levels, modes = self._kinds, self._levels, self._modes
        bits = (
            acts.named.get(context.act, 0)
            & extensions.named.get(resource.extension, extensions.others)
            & targets.named.get(action.target, targets.others)
            & effects.named.get(action.effect, effects.others)
            & self._asked_by(principal, context)
        )
        if not bits:
            return 0
        bits &= (
            kinds.named.get(resource.kind, kinds.others)
            & levels.named.get(resource.level, levels.others)
            & modes.named.get(context.mode, modes.others)
        )
        if not action.deletes:
            bits &= self._harmless
        if context.new_destination is not True:
            bits &= self._unknown_places if context.new_destination is None else self._known_places
        carried = self._classes.others
        for name in context.data_classes:
            carried |= self._classes.named.get(name, 0)
        covering = self._scopes.bits
        for scope in action.scopes:
            covering |= self._covering(scope)
        return bits & carried & covering

    def _covering(self, scope: str) -> int:
        """The rules whose patterns cover ``scope``, and those without patterns."""
        bits = self._covered.get(scope)
        if bits is None:
            bits = self._scopes.find(scope) | self._scopes.bits
            _remember(self._covered, scope, bits)
        return bits

    def _index_askers(self, wary: int) -> None:
        rules = self.rules
        self._everybody = bits_of(rules, lambda rule: rule.who == Who())
        self._people = self._everybody | bits_of(rules, lambda rule: rule.who.people)
        self._agents = _named(rules, lambda rule: rule.who.agents)
        self._packs = _named(rules, lambda rule: rule.who.packs)
        self._triggers = _named(rules, lambda rule: rule.who.triggers)
        self._roles = _named(rules, lambda rule: rule.who.roles)
        # A role speaks for a person, and for their agents where it denies or asks: nothing is allowed to an agent
        # because its owner may do it.
        self._owner_roles = {role: bits & wary for role, bits in self._roles.items()}

    def _asked_by(self, principal: Principal, context: Context) -> int:
        """The rules that speak of whoever asks, by what they are or by what they call through."""
        if principal.is_agent:
            roles = self._owner_roles
            bits = self._everybody | self._agents.get(ANY, 0) | self._agents.get(principal.agent or principal.id, 0)
        else:
            roles = self._roles
            bits = self._people
        for role in principal.roles:
            bits |= roles.get(role, 0)
        if context.pack:
            bits |= self._packs.get(ANY, 0) | self._packs.get(context.pack, 0)
        if context.trigger:
            bits |= self._triggers.get(ANY, 0) | self._triggers.get(context.trigger, 0)
        return bits


def _named(rules: Sequence[Rule], names: Callable[[Rule], Iterable[str]]) -> dict[str, int]:
    """The set of rules that name it, for everything that is named."""
    found: dict[str, int] = {}
    for place, rule in enumerate(rules):
        for name in names(rule):
            found[name] = found.get(name, 0) | 1 << place
    return found


def bits_of(rules: Sequence[Rule], holds: Callable[[Rule], object]) -> int:
    """The set of those ``rules`` for which ``holds``."""
    bits = bytearray(len(rules) // 8 + 1)
    for place, rule in enumerate(rules):
        if holds(rule):
            bits[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(bits, "little")


def _remember(memory: dict, key: object, value: object) -> None:
    """Keep ``value``; where there is too much to remember, everything is forgotten first."""
    if len(memory) >= _MAX_REMEMBERED:
        memory.clear()
    memory[key] = value
