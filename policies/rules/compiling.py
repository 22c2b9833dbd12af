"""A workspace's rules compiled for evaluation.

Which rules are about an action is worked out when it is asked about for the first time, and remembered with an index
over the rest (policies.rules.shortlists). So a request costs the same whether there are a hundred rules or ten
thousand. To work it out, rules are found by the first part of the extensions, actions or scopes that they name
(``hubspot``, ``crm``); what only names agents, packs or triggers is kept apart, and looked at for these alone.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from policies.answers import Reason
from policies.questions import Action, Context, Principal, Resource
from policies.rules.asks import Ask, merged
from policies.rules.clauses import CompiledRule
from policies.rules.parts import ANY
from policies.rules.scopes import MANY, ONE
from policies.rules.shortlists import Shortlist, remember
from policies.rules.vocabulary import Rule

_MAX_REMEMBERED = 4_096  # shortlists, and asks put together
_EVERYBODY = ""  # the name under which rules are kept that are not about certain agents, packs or triggers

Spoken = list[tuple[CompiledRule, Reason]]
ByHead = dict[str, list[CompiledRule]]


class Snapshot:
    """A workspace's rules, compiled and named by one number. Version 0 has none: the defaults alone answer.

    Never changes: what it remembers only saves work. ``fault`` says why the rules could not be read, "" where they
    were; then every answer is no.
    """

    def __init__(self, version: int = 0, rules: Iterable[Rule] = (), *, fault: str = ""):
        self.version, self.fault = version, fault
        self.rules = tuple(sorted(rules, key=lambda rule: (rule.number, rule.id)))
        self._kept: dict[str, ByHead] = {}  # by asker, then by first part of what is asked for
        for place, rule in enumerate(self.rules):
            compiled = CompiledRule(rule, place)
            for asker in _askers(rule):
                heads = self._kept.setdefault(asker, {})
                for head in _heads(rule):
                    heads.setdefault(head, []).append(compiled)
        self._has_askers = bool(self._kept.keys() - {_EVERYBODY})
        self._shortlists: dict[tuple[Any, ...], Shortlist] = {}
        self._asks: dict[tuple[bool | None, tuple[int, ...]], Ask] = {}

    def __len__(self) -> int:
        return len(self.rules)

    def speaking(self, principal: Principal, action: Action, resource: Resource, context: Context) -> Spoken:
        """Every rule that speaks about the request, by number, with why."""
        found: Spoken = []
        if not self.rules:
            return found
        askers = self._askers(principal, context) if self._has_askers else (_EVERYBODY,)
        for asker in askers:
            shortlist = self._shortlist(asker, action, resource, context)
            for rule, always in shortlist.candidates(principal, context):
                reason = always if always is not None else rule.reason(context)
                if reason is not None:
                    found.append((rule, reason))
        if len(askers) > 1:  # a rule that names an agent and the pack it runs was found for both
            found = sorted({rule.place: (rule, reason) for rule, reason in found}.values(), key=_place)
        return found

    def asking(self, default: Ask | None, rules: Sequence[CompiledRule]) -> Ask:
        """What ``rules`` ask for, and ``default`` too, put together."""
        key = (default.second_factor if default else None, tuple(rule.place for rule in rules))
        ask = self._asks.get(key)
        if ask is None:
            ask = merged([*([default] if default else []), *(rule.ask for rule in rules if rule.ask)])
            remember(self._asks, key, ask, _MAX_REMEMBERED)
        return ask

    def _askers(self, principal: Principal, context: Context) -> Sequence[str]:
        """The names under which rules are kept that may be about whoever asks."""
        names = [_EVERYBODY]
        kept = self._kept
        if principal.is_agent and (agent := principal.agent or principal.id) in kept:
            names.append(agent)
        names += [name for name in (context.pack, context.trigger) if name and name in kept and name not in names]
        return names

    def _shortlist(self, asker: str, action: Action, resource: Resource, context: Context) -> Shortlist:
        """The rules kept for ``asker`` that are about this action of this resource."""
        key = (
            asker,
            context.act,
            action.target,
            action.effect,
            action.destructive,
            tuple(action.scopes),
            resource.extension,
            resource.kind,
            resource.level,
        )
        found = self._shortlists.get(key)
        if found is None:
            by_head = self._kept.get(asker, {})
            heads = {MANY, *map(_head, (resource.extension, action.target, *action.scopes))}
            rules = {rule.place: rule for head in heads for rule in by_head.get(head, ())}
            about = [rules[place] for place in sorted(rules) if rules[place].is_about(action, resource, context)]
            found = Shortlist(about, [rule.always(action, resource, context.act) for rule in about])
            remember(self._shortlists, key, found, _MAX_REMEMBERED)
        return found


def _heads(rule: Rule) -> set[str]:
    """First parts of which a request has one at least where the rule is about it; ``**`` where it may have any."""
    what = rule.what
    heads = {_head(name) for name in what.extensions or what.actions or what.scopes}
    return heads if heads and not heads & {ONE, MANY} else {MANY}


def _askers(rule: Rule) -> set[str]:
    """The agents, packs and triggers of which one asks where the rule speaks, or that it may be anybody."""
    who = rule.who
    names = {*who.agents, *who.packs, *who.triggers}
    return {_EVERYBODY} if who.people or who.roles or ANY in names or not names else names


def _head(name: str) -> str:
    return name.partition(".")[0]


def _place(spoken: tuple[CompiledRule, Reason]) -> int:
    return spoken[0].place
