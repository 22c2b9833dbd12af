"""What stands against a rule before it is saved: it can match nothing, shuts everybody out, or nobody could answer.

A refusal is certain. A warning is what looks like a mistake and may be meant: a person confirms it. Each finding is
about one place of the rule, such as ``what.actions``.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from policies.known import Known, KnownAction
from policies.models import Effect
from policies.rules.comparing import denies_everything
from policies.rules.dimensions import CALLABLE
from policies.rules.parts import ANY, What
from policies.rules.scopes import matches
from policies.rules.vocabulary import Rule
from registry.manifests.suggest import nearest

MOST_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """``place`` is where, ``sentence`` what and what to do, for a person."""

    place: str
    sentence: str
    is_refusal: bool = True


def findings_of(rule: Rule, others: Sequence[Rule], known: Known) -> list[Finding]:
    """What stands against ``rule`` beside the rules ``others``, refusals first."""
    found = [
        *_duplicate(rule, others),
        *_never(rule, known),
        *_everybody(rule, others, known),
        *unanswered(rule, known),
        *_unknown(rule, known),
        *_unlikely(rule, known),
    ]
    return sorted(found, key=lambda one: not one.is_refusal)


# --- Certain ------------------------------------------------------------------------------------------------------


def _duplicate(rule: Rule, others: Sequence[Rule]) -> Iterator[Finding]:
    for other in others:
        if (other.effect, other.who, other.what, other.when) == (rule.effect, rule.who, rule.what, rule.when):
            yield Finding("", f"Rule {other.number}, {other.title}, says the same already: change that one instead.")


def _never(rule: Rule, known: Known) -> Iterator[Finding]:
    """What contradicts itself, and so can match nothing whatever is installed or asked."""
    what, when = rule.what, rule.when
    if what.kinds and set(what.acts) == {"call"} and not set(what.kinds) & set(CALLABLE):
        yield Finding(
            "what.kinds",
            "It can match nothing: a trigger starts calls, and nobody calls it. "
            "Choose another kind, or let the rule be about installing.",
        )
    named = [known.actions[target] for target in what.actions if target in known.actions]
    if named and len(named) == len(what.actions) and set(what.acts) == {"call"}:
        yield from _contradicted(rule, named)
    hours = when.hours
    if hours and hours.outside and (len(hours.days), hours.start, hours.end) == (7, "00:00", "24:00"):
        yield Finding("when.hours", "It can match nothing: there is no time outside all hours of all days.")
    who = rule.who
    if who.agents and not (who.people or who.roles or who.packs or who.triggers):
        agents = [known.agents.get(agent) for agent in who.agents]
        if all(agent and agent.is_over for agent in agents):
            names = _list([agent.name for agent in agents if agent])
            yield Finding("who.agents", f"It can match nothing: {names} has ended, and calls nothing any more.")


def _contradicted(rule: Rule, named: list[KnownAction]) -> Iterator[Finding]:
    """Actions that are named, and something else that none of them is."""
    what, when = rule.what, rule.when
    names = _list([action.target for action in named])
    if what.extensions and not any(action.extension in what.extensions for action in named):
        yield Finding("what.actions", f"It can match nothing: {names} is not of {_list(what.extensions, 'or')}.")
    if what.effects and not any(action.effect in what.effects for action in named):
        effects = _list(sorted({f"{action.effect}s" for action in named}))
        yield Finding("what.effects", f"It can match nothing: {names} {effects}.")
    if what.kinds and not any(action.kind in what.kinds for action in named):
        kinds = _list(sorted({action.kind for action in named}))
        yield Finding("what.kinds", f"It can match nothing: {names} is of the kind {kinds}.")
    if what.scopes and not any(_covers(what, action) for action in named):
        yield Finding("what.scopes", f"It can match nothing: {names} uses no such scope.")
    if when.destructive and not any(action.destructive for action in named):
        yield Finding("when.destructive", f"It can match nothing: {names} is not destructive.")
    if rule.effect != Effect.ALLOW:
        return  # what is not known of a call holds for the others
    if when.over is not None and not any(action.counts_records for action in named):
        yield Finding("when.over", f"It can match nothing: {names} does not say how many records it is about.")
    if when.amount and not any(when.amount.field in action.numbers for action in named):
        yield Finding("when.amount.field", f"It can match nothing: {names} takes no number of that name.")


def _everybody(rule: Rule, others: Sequence[Rule], known: Known) -> Iterator[Finding]:
    """Denials that together let nothing pass: nobody could do anything."""
    if rule.effect == Effect.DENY and denies_everything([*others, rule], known):
        beside = " Together with other rules, this" if not denies_everything([rule], known) else " This"
        text = f"{beside.strip()} would lock everybody out: every call of everybody is denied."
        yield Finding("effect", f"{text} Say whom it is about, what, or when.")


def unanswered(rule: Rule, known: Known) -> Iterator[Finding]:
    """An ask that nobody, too few, or only the people who ask themselves could answer."""
    if rule.ask is None:
        return
    answering, needed = known.answering(rule.ask.reviewers), rule.ask.needed
    called = _capital(known.called(rule.ask.reviewers))
    for step in rule.ask.escalate:
        if not known.answering(step.to):
            yield Finding("ask.escalate", f"{_capital(known.called(step.to))}: there is nobody to ask after all that.")
    if not answering:
        yield Finding("ask.reviewers", f"{called}: nobody could answer, so every such call would wait and then fail.")
        return
    if len(answering) < needed:
        people = "person" if len(answering) == 1 else "people"
        yield Finding("ask.needed", f"{called} are {len(answering)} {people}, and {needed} are asked for.")
        return
    askers = _askers(rule, known)
    stuck = [asker for asker in askers if len(answering - {asker}) < needed]
    if stuck and len(stuck) == len(askers):
        names = _list([known.people.get(asker, "somebody") for asker in sorted(stuck)])
        yield Finding(
            "ask.reviewers",
            f"Only {names} could ask, and nobody answers their own question: name somebody else as well.",
        )
    elif stuck:
        names = _list([known.people.get(asker, "somebody") for asker in sorted(stuck)])
        text = f"Where {names} asks, too few others could answer, and it would end in a no."
        yield Finding("ask.reviewers", text, is_refusal=False)


def _is_about_everybody(rule: Rule) -> bool:
    who = rule.who
    return not (who.people or who.roles or who.agents or who.packs or who.triggers)


def _askers(rule: Rule, known: Known) -> frozenset[str]:
    """The people a rule is about: themselves, or as owners of its agents, since an owner never answers for those."""
    who = rule.who
    found: set[str] = set()
    if _is_about_everybody(rule) or who.people or who.packs or who.triggers:
        found |= known.runners
    for role in who.roles:
        found |= known.in_role(role)
    alive = {pk: agent for pk, agent in known.agents.items() if not agent.is_over}
    if _is_about_everybody(rule) or ANY in who.agents:
        found |= {agent.owner for agent in alive.values()}
    return frozenset(found | {alive[pk].owner for pk in who.agents if pk in alive})


# --- Likely mistakes ----------------------------------------------------------------------------------------------


def _unknown(rule: Rule, known: Known) -> Iterator[Finding]:
    """Names that nothing here has."""
    who, what = rule.who, rule.what
    agents = [agent for agent in who.agents if agent != ANY and agent not in known.agents]
    if agents:
        yield Finding("who.agents", f"There is no agent {_list(agents, 'or')} here.", is_refusal=False)
    roles = [role for role in who.roles if role not in known.roles]
    if roles:
        yield Finding("who.roles", f"There is no role {_list(roles, 'or')} here.", is_refusal=False)
    for place, names, there in (
        ("who.packs", who.packs, known.slugs("pack")),
        ("who.triggers", who.triggers, known.slugs("trigger")),
        ("what.extensions", what.extensions, list(known.extensions)),
        ("what.actions", what.actions, [*known.actions, *known.extensions]),
    ):
        missing = [name for name in names if name != ANY and name not in there]
        if missing:
            yield Finding(place, _missing(missing, there), is_refusal=False)
    for kind, names in (("pack", who.packs), ("trigger", who.triggers)):
        if ANY in names and not known.slugs(kind):
            yield Finding(f"who.{kind}s", f"There is no {kind} here, so no call comes of one.", is_refusal=False)
    scopes = [one for one in what.scopes if not any(matches(one, scope) for scope in known.scopes)]
    if scopes and set(what.acts) == {"call"}:
        yield Finding("what.scopes", _unused(scopes, known.scopes), is_refusal=False)


def _unlikely(rule: Rule, known: Known) -> Iterator[Finding]:
    """Conditions that nothing installed can tell: for asks and denials they hold everywhere, for allowing nowhere."""
    what, when = rule.what, rule.when
    if set(what.acts) != {"call"} or not known.actions:
        return
    fitting = [action for action in known.actions.values() if _fits(what, action)]
    if not fitting:
        if not _has_unknown(what, known):
            text = "Nothing that is installed here fits all of this at once; it would wait for something that does."
            yield Finding("what.actions", text, is_refusal=False)
        return
    holds = "the rule holds for every call" if rule.effect != Effect.ALLOW else "the rule never holds"
    if when.over is not None:
        uncounted = [action.target for action in fitting if not action.counts_records]
        if len(uncounted) == len(fitting):
            text = f"None of them says how many records it is about. What is not known: {holds}."
            yield Finding("when.over", text, is_refusal=False)
        elif uncounted and rule.effect != Effect.ALLOW:
            text = f"How many records a call of {_list(uncounted, 'or')} is about is not known: there {holds}."
            yield Finding("when.over", text, is_refusal=False)
    if when.amount and not any(when.amount.field in action.numbers for action in fitting):
        close = nearest(when.amount.field, {name for action in fitting for name in action.numbers})
        hint = f" Did you mean {close}?" if close else ""
        text = f"None of them takes a number called {when.amount.field}.{hint} What is not known: {holds}."
        yield Finding("when.amount.field", text, is_refusal=False)
    if when.destructive and not any(action.destructive for action in fitting):
        yield Finding("when.destructive", "None of what it is about is destructive.", is_refusal=False)


def _fits(what: What, action: KnownAction) -> bool:
    return (
        (not what.actions or action.target in what.actions)
        and (not what.extensions or action.extension in what.extensions)
        and (not what.kinds or action.kind in what.kinds)
        and (not what.effects or action.effect in what.effects)
        and (not what.scopes or _covers(what, action))
    )


def _covers(what: What, action: KnownAction) -> bool:
    return any(matches(pattern, scope) for pattern in what.scopes for scope in action.scopes)


def _has_unknown(what: What, known: Known) -> bool:
    """Whether it names something that is not installed, which is said already."""
    return (
        any(slug not in known.extensions for slug in what.extensions)
        or any(target not in known.actions for target in what.actions)
        or any(not any(matches(one, scope) for scope in known.scopes) for one in what.scopes)
    )


def _missing(names: list[str], there: Collection[str]) -> str:
    close = nearest(names[0], there)
    hint = f" Did you mean {close}?" if close else ""
    return f"{_list(names)} is not installed here.{hint}"


def _unused(patterns: list[str], scopes: Collection[str]) -> str:
    close = nearest(patterns[0], scopes)
    hint = f" Did you mean {close}?" if close else ""
    return f"Nothing that is installed uses {_list(patterns, 'or')}.{hint}"


def _list(names: Sequence[str], word: str = "and") -> str:
    shown = list(names[:MOST_NAMED])
    if len(names) > MOST_NAMED:
        shown.append(f"{len(names) - MOST_NAMED} more")
    *most, last = shown
    return f"{', '.join(most)} {word} {last}" if most else last


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
