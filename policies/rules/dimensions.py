"""The dimensions of the space of requests, and the facts along each that given rules could tell apart."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

from policies.known import Known
from policies.rules.asks import APPROVERS
from policies.rules.clauses import DOES, WEEKDAYS
from policies.rules.examples import examples_of
from policies.rules.parts import ACTS, ANY, LEVELS, MODES, Hours, What, When, Who
from policies.rules.scopes import matches
from policies.rules.vocabulary import Rule
from registry.manifests.scopes import strongest, verb

MOST_PAIRED = 60  # kinds of scopes that are tried two by two, as one action may use several
CALLABLE = ("connector", "action", "transform", "pack")  # kinds of extensions that are called; triggers start runs
NOBODYS = "00000000-0000-4000-8000-000000000000"
_DONE = (("read", False), ("write", False), ("delete", True), ("write", True), ("read", True))  # (effect, destructive)
_ACTS = {"call": "calls", "install": "installs", "upgrade": "upgrades", "widen": "widens the scopes of"}
_MONDAY = datetime(2026, 1, 5)


@dataclass(frozen=True)
class Fact:
    """One value of a dimension: what it sets of a request, as {(part, field): value}, and in words ("" says nothing).

    ``told_by_default`` differs where the engine tells it from others that the same rules are about. ``is_rare``: an
    action of two scopes at once, or that does other than its scopes say.
    """

    sets: dict[tuple[str, str], Any]
    words: str = ""
    told_by_default: Hashable = None
    is_rare: bool = False


@dataclass(frozen=True)
class Dimension:
    """``asks(rule)`` is the rule with nothing left but what it says of this dimension. One that is ``always_told``
    is worth its words even where nothing tells its facts apart. ``is_whole``: no fact was left out for their number."""

    name: str
    facts: list[Fact]
    asks: Callable[[Rule], Rule]
    always_told: bool = False
    is_whole: bool = True


def dimensions_of(rules: Sequence[Rule], known: Known | None = None) -> Iterator[Dimension]:
    """``known`` gives names to agents, and real actions to what the rules name."""
    yield Dimension("who", list(_people(rules, known)), lambda rule: _only(rule, who=rule.who), True)
    doing, is_whole = _doing(rules, known)
    yield Dimension("doing", doing, _asks("scopes", "effects", "destructive"), True, is_whole)
    yield Dimension("thing", list(_things(rules, known)), _asks("extensions", "actions", "kinds"), True)
    yield Dimension("act", [_fact(_ACTS[one], "context.act", one, one) for one in ACTS], _asks("acts"))
    levels = [_fact(f"of the level {one}", "resource.level", one) for one in LEVELS]
    yield Dimension("level", levels, _asks("levels"))
    yield Dimension("carried", list(_carried(rules)), _asks("classes"))
    yield Dimension("count", list(_counts(rules)), _asks("over"))
    for name in sorted({rule.when.amount.field for rule in rules if rule.when.amount}):
        yield Dimension(f"amount {name}", list(_amounts(rules, name)), _asks_amount(name))
    destinations = {False: "to a known place", None: "to a place that is not known", True: "to a new place"}
    places = [_fact(words, "context.new_destination", value) for value, words in destinations.items()]
    yield Dimension("destination", places, _asks("new_destination"))
    modes = {"live": "live", "simulated": "in simulation"}
    yield Dimension("mode", [_fact(modes[one], "context.mode", one) for one in MODES], _asks("mode"))
    yield Dimension("hours", list(_moments(rules)), _asks("hours"))
    if _asks_others(rules):
        declared = {(): "", ("declared",): "about which its publisher wants a person asked"}
        tags = [_fact(words, "action.required_for", value, value) for value, words in declared.items()]
        yield Dimension("declared", tags, _only)
    grants = {True: "", False: "without the permission to write"}
    yield Dimension("grant", [_fact(words, "principal.holds_write", one, one) for one, words in grants.items()], _only)


# --- What a rule says of one dimension ---------------------------------------------------------------------------


def _only(rule: Rule, *, who: Who | None = None, what: What | None = None, when: When | None = None) -> Rule:
    return replace(rule, who=who or Who(), what=what or What(acts=ACTS), when=when or When())


def _asks(*names: str) -> Callable[[Rule], Rule]:
    """Of ``what`` and ``when`` nothing but the fields ``names``."""

    def asks(rule: Rule) -> Rule:
        what = {name: getattr(rule.what, name) for name in names if hasattr(rule.what, name)}
        when = {name: getattr(rule.when, name) for name in names if hasattr(rule.when, name)}
        return _only(rule, what=What(**({"acts": ACTS} | what)), when=When(**when))

    return asks


def _asks_amount(name: str) -> Callable[[Rule], Rule]:
    def asks(rule: Rule) -> Rule:
        amount = rule.when.amount
        return _only(rule, when=When(amount=amount if amount and amount.field == name else None))

    return asks


def _fact(words: str, path: str, value: Any, told_by_default: Hashable = None) -> Fact:
    part, _, name = path.partition(".")
    return Fact({(part, name): value}, words, told_by_default)


# --- Facts, from the constants of the rules ------------------------------------------------------------------------


def _people(rules: Sequence[Rule], known: Known | None) -> Iterator[Fact]:
    """People in and out of each role that is named, and agents, each on their own and through a pack or a trigger."""
    roles = _named(rules, lambda rule: rule.who.roles)
    agents = _named(rules, lambda rule: rule.who.agents)
    askers: list[tuple[dict[tuple[str, str], Any], str]] = []
    for role in ["", *roles]:
        label = known.roles.get(role, role) if known else role
        words = f"a person in the role {label}" if role else "a person"
        askers.append(({("principal", "roles"): (role,) if role else ()}, words))
    for agent in [NOBODYS, *agents]:
        name = known.agents[agent].name if known and agent in known.agents else ""
        for role in ["", *roles]:
            owned = f" whose owner is in the role {known.roles.get(role, role) if known else role}" if role else ""
            sets = {
                ("principal", "kind"): "agent",
                ("principal", "id"): agent,
                ("principal", "agent"): agent,
                ("principal", "roles"): (role,) if role else (),
            }
            askers.append((sets, (f"the agent {name}" if name else "an agent") + owned))
    through: list[tuple[dict[tuple[str, str], Any], str]] = [({}, "")]
    packs, triggers = _named(rules, lambda rule: rule.who.packs), _named(rules, lambda rule: rule.who.triggers)
    if any(rule.who.packs for rule in rules):
        through += [({("context", "pack"): one}, f", in the pack {one}") for one in [*packs, "another.pack"]]
    if any(rule.who.triggers for rule in rules):
        through += [
            ({("context", "trigger"): one}, f", by the trigger {one}") for one in [*triggers, "another.trigger"]
        ]
    for sets, words in askers:
        for more, how in through:
            yield Fact(sets | more, words + how)


def _doing(rules: Sequence[Rule], known: Known | None) -> tuple[list[Fact], bool]:
    """What an action does, and by which scopes; and whether that is all.

    What it does is mostly what the strongest of its scopes lets it do. But one that names none itself uses those of its
    connector, and a write may be declared destructive: such facts come last. Two scopes at once matter where different
    people are asked about each; where a rule names scopes and what is done, they make the plainer example.
    """
    patterns = {pattern for rule in rules for pattern in rule.what.scopes}
    facts = [_does(*done) for done in _DONE]
    if not patterns:
        return facts, True
    scopes, is_whole = examples_of(sorted(patterns), known.scopes if known else ())
    covering = {scope: frozenset(one for one in patterns if matches(one, scope)) for scope in scopes}
    by_verb: dict[frozenset[str], dict[str, str]] = {}  # scopes that the same patterns cover
    for scope in scopes:
        by_verb.setdefault(covering[scope], {})[verb(scope)] = scope
    groups: list[tuple[dict[str, str], ...]] = [(one,) for one in by_verb.values()]
    mixes = any(rule.what.scopes and (rule.what.effects or rule.when.destructive) for rule in rules)
    others = _asks_others(rules)
    if mixes or others:
        groups += combinations(list(by_verb.values())[:MOST_PAIRED], 2)
        is_whole = is_whole and len(by_verb) <= MOST_PAIRED
    unusual: list[Fact] = []
    for group in groups:
        for effect, destructive in _DONE:
            used = tuple(verbs.get(effect) or next(iter(verbs.values())) for verbs in group)
            is_told = strongest([verb(scope) for scope in used]) == effect
            is_usual = is_told and destructive == (effect == "delete")
            if len(group) == 1 or is_usual or (mixes and others):
                told = (effect, destructive, frozenset(covering[scope] for scope in used))
                is_rare = len(group) > 1 or not is_told
                fact = replace(_does(effect, destructive, used), told_by_default=told, is_rare=is_rare)
                (facts if is_usual else unusual).append(fact)
    return facts + unusual, is_whole


def _asks_others(rules: Sequence[Rule]) -> bool:
    """Whether somebody is asked who may stand in for approvers at large (policies.rules.asks.merged)."""
    return any(rule.ask and rule.ask.reviewers != APPROVERS for rule in rules)


def _does(effect: str, destructive: bool, scopes: tuple[str, ...] = ()) -> Fact:
    """Which patterns cover which of ``scopes`` is for the caller to tell apart: what allows has to cover each."""
    undone = " and cannot be undone" if destructive and effect != "delete" else ""
    words = f"that {DOES[effect]}{undone}" + (f" with {' and '.join(scopes)}" if scopes else "")
    sets = {("action", "effect"): effect, ("action", "scopes"): scopes, ("action", "destructive"): destructive}
    return Fact(sets, words, (effect, destructive))


def _things(rules: Sequence[Rule], known: Known | None) -> Iterator[Fact]:
    """What is called: each action and extension that is named, and something else of each kind that is named."""
    targets = _named(rules, lambda rule: rule.what.actions)
    slugs = _named(rules, lambda rule: rule.what.extensions)
    kinds = {kind: f" ({kind})" for kind in _named(rules, lambda rule: rule.what.kinds)}
    kinds = dict.fromkeys(CALLABLE, "") | kinds
    for kind, told in kinds.items():
        yield _thing("another.action", "another", kind, f"something{' else' * bool(targets or slugs)}{told}")
        for slug in slugs:
            yield _thing(f"{slug}.another", slug, kind, f"something of {slug}{told}")
    for target in targets:
        action = known.actions.get(target) if known else None
        if action is None:  # nobody here knows whether it is an action of a connector or an extension of its own
            for kind, told in kinds.items():
                slug = target.rpartition(".")[0] if kind == "connector" else ""
                yield _thing(target, slug or target, kind, f"{target}{told}")
            continue
        real = _does(action.effect, action.destructive, action.scopes)
        said = f"{target}{kinds[action.kind]}, which {DOES[action.effect]}"
        thing = _thing(target, action.extension, action.kind, said)
        yield replace(thing, sets=thing.sets | real.sets, told_by_default=target)  # it does what it does


def _thing(target: str, slug: str, kind: str, words: str) -> Fact:
    sets = {("action", "target"): target, ("resource", "extension"): slug, ("resource", "kind"): kind}
    return Fact(sets, words)


def _carried(rules: Sequence[Rule]) -> Iterator[Fact]:
    """Data classes: none, each one that is named, each two, and all; whether it is one to be hidden is told apart."""
    hidden = {name for rule in rules for name, _ in rule.obligations.redact}
    names = sorted({name for rule in rules for name in rule.when.classes} | hidden)
    groups = [(), *((name,) for name in names), *combinations(names, 2), *([tuple(names)] if len(names) > 2 else [])]
    for group in groups:
        words = f"carrying {', '.join(group)}" if group else ""
        yield _fact(words, "context.data_classes", tuple(group), frozenset(group) & hidden)


def _counts(rules: Sequence[Rule]) -> Iterator[Fact]:
    """Numbers of records on both sides of each limit, declared as bulk above ten or not, and a number not known."""
    limits = {rule.when.over for rule in rules if rule.when.over is not None}
    yield Fact({("context", "bulk_count"): 1}, "", ("few", False))
    for count in sorted(limits | {limit + 1 for limit in limits}):
        yield Fact({("context", "bulk_count"): count}, f"about {count:,} records", ("few", False))
    bulk = {("action", "bulk_over"): max([*limits, 10]), ("action", "bulk_field"): "records"}
    many = max([*limits, 10]) + 1
    yield Fact({**bulk, ("context", "bulk_count"): many}, f"about {many:,} records, which is bulk", ("many", True))
    yield Fact({("context", "bulk_count"): None}, "about a number of records that is not known", ("few", False))


def _amounts(rules: Sequence[Rule], name: str) -> Iterator[Fact]:
    limits = {rule.when.amount.over for rule in rules if rule.when.amount and rule.when.amount.field == name}
    yield _fact(f"with a {name} that is not known", "context.numbers", {})
    for value in sorted(limits | {limit + 1 for limit in limits}):
        yield _fact(f"with a {name} of {value:,}", "context.numbers", {name: value})


def _moments(rules: Sequence[Rule]) -> Iterator[Fact]:
    """Every edge of hours that are named, a minute before and at it, on each day of a week; and a time not known."""
    named = {rule.when.hours for rule in rules if rule.when.hours}
    if not named:
        yield _fact("", "context.now", None)
        return
    for hours in sorted(named, key=repr):
        zone = ZoneInfo(hours.zone)
        for minute in _edges(hours):
            for day in range(7):
                moment = (_MONDAY + timedelta(days=day, minutes=minute)).replace(tzinfo=zone)
                words = f"on {WEEKDAYS[moment.weekday()]} at {moment:%H:%M} in {hours.zone}"
                yield _fact(words, "context.now", moment.astimezone(UTC))
    yield _fact("at a time that is not known", "context.now", None)


def _edges(hours: Hours) -> Iterable[int]:
    found = set()
    for clock in (hours.start, hours.end):
        minute = int(clock[:2]) * 60 + int(clock[3:])
        found |= {minute % 1440, (minute - 1) % 1440}
    return sorted(found)


def _named(rules: Sequence[Rule], names: Callable[[Rule], Iterable[str]]) -> list[str]:
    return sorted({name for rule in rules for name in names(rule) if name != ANY})
