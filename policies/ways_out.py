"""What would pass: one thing about a question changed at a time, and the engine asked again. Pure.

Nothing is guessed: a way out is listed only where the same rules, asked with that one thing otherwise, answer better.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from policies.engine import Effect, evaluate
from policies.questions import Action, Question
from policies.rules.compiling import Snapshot
from policies.rules.defaults import PERMITTED

_BETTER = {Effect.DENY: 0, Effect.REQUIRE_APPROVAL: 1, Effect.ALLOW: 2}


@dataclass(frozen=True)
class WayOut:
    """``words`` say what would be otherwise, ``effect`` what the answer then is."""

    words: str
    effect: str


def ways_out(snapshot: Snapshot, question: Question) -> list[WayOut]:
    """Every single change that gets a better answer, the best ones first; none where it is allowed already."""
    now = _BETTER[evaluate(snapshot, *question).effect]
    found: dict[str, WayOut] = {}
    for words, changed in _changes(snapshot, question):
        effect = evaluate(snapshot, *changed).effect
        if _BETTER[effect] > now and words not in found:
            found[words] = WayOut(words, str(effect))
    return sorted(found.values(), key=lambda way: -_BETTER[Effect(way.effect)])


def _changes(snapshot: Snapshot, question: Question) -> Iterator[tuple[str, Question]]:
    principal, action, resource, context = question
    if context.mode == "live" and context.act == "call":
        yield "It is simulated", (principal, action, resource, replace(context, mode="simulated", simulated=True))
    if principal.is_agent:
        person = replace(principal, kind="person", agent=None, scopes=None)
        other = "a trigger" if principal.kind == "trigger" else "an agent"
        yield f"A person calls it, not {other}", (person, action, resource, replace(context, caller="person"))
    if context.act != "call" and not principal.holds_write:
        granted = replace(principal, holds_write=True)
        yield f"They are given “{PERMITTED[context.act][1]}”", (granted, action, resource, context)
    if context.act == "call" and not principal.holds_read:
        granted = replace(principal, holds_read=True)
        yield "They are given “Run extensions that read”", (granted, action, resource, context)
    if context.act == "call" and not principal.holds_write and (action.effect != "read" or action.destructive):
        granted = replace(principal, holds_write=True)
        yield "They are given “Run extensions that write”", (granted, action, resource, context)
        both = replace(granted, holds_read=True)
        yield "They are given “Run extensions that read” and “that write”", (both, action, resource, context)
    if missing := sorted(set(action.scopes) - set(resource.scopes_granted)):
        agreed = replace(resource, scopes_granted=(*resource.scopes_granted, *missing))
        yield f"The workspace agrees to {', '.join(missing)}", (principal, action, agreed, context)
    if principal.scopes is not None and (missing := sorted(set(action.scopes) - set(principal.scopes))):
        given = replace(principal, scopes=(*principal.scopes, *missing))
        kind = "trigger" if principal.kind == "trigger" else "agent"
        yield f"The {kind} is given {', '.join(missing)}", (given, action, resource, context)
    if context.bulk_count is not None:
        for most in _counts(snapshot, action, context.bulk_count):
            fewer = replace(context, bulk_count=most)
            yield f"It names {most:,} record{'' if most == 1 else 's'} or fewer", (principal, action, resource, fewer)
    for field, over in _amounts(snapshot):
        if context.numbers.get(field, 0) > over:
            smaller = replace(context, numbers=context.numbers | {field: over})
            yield f"{field} is {over:g} or less", (principal, action, resource, smaller)
    if context.new_destination:
        known = replace(context, new_destination=False)
        yield "It goes where this workspace sent something before", (principal, action, resource, known)


def _counts(snapshot: Snapshot, action: Action, count: int) -> list[int]:
    """The thresholds below ``count``, the largest first: the fewer left out the better."""
    named = {rule.when.over for rule in snapshot.rules if rule.when.over is not None} | {action.bulk_over}
    return sorted((most for most in named if most is not None and 0 <= most < count), reverse=True)


def _amounts(snapshot: Snapshot) -> list[tuple[str, float]]:
    named = {(rule.when.amount.field, rule.when.amount.over) for rule in snapshot.rules if rule.when.amount}
    return sorted(named, key=lambda pair: (pair[0], -pair[1]))
