"""Scopes that stand for all scopes: one for each way in which some patterns can be told apart."""

from collections.abc import Iterable, Iterator, Sequence

from policies.rules.scopes import MANY, ONE, matches
from registry.manifests.scopes import VERBS
from registry.manifests.scopes import verb as verb_of

FRESH = "other"  # a part that no pattern names, unless somebody calls something so
MOST_PATTERNS = 80  # beyond which intersections of intersections are not looked for
_Parts = tuple[str, ...]


def examples_of(patterns: Iterable[str], real: Iterable[str] = ()) -> tuple[list[str], bool]:
    """Scopes for each of ``patterns``, for what two and more of them have in common, and for what none covers; one for
    each set of patterns that cover it and each verb. ``real`` are scopes that exist, taken where any would do.

    The second value is False where there are too many patterns to look for everything that they have in common.
    """
    patterns = list(patterns)
    found = {tuple(pattern.split(".")) for pattern in patterns}
    fresh = FRESH
    while any(fresh in parts for parts in found):
        fresh += "x"
    edge = set(found)
    while edge and len(found) < MOST_PATTERNS:
        edge = {both for one in edge for other in found for both in _joint(one, other)} - found
        found |= edge
    spelled = [scope for parts in sorted(found) for scope in _spelled(parts, fresh)]
    spelled += [f"{fresh}.{verb}" for verb in VERBS]
    told: dict[tuple, str] = {}
    for scope in [*real, *spelled]:
        covering = frozenset(pattern for pattern in patterns if matches(pattern, scope))
        told.setdefault((covering, verb_of(scope)), scope)
    return list(told.values()), not edge


def _joint(one: _Parts, other: _Parts) -> Iterator[_Parts]:
    """Patterns that together cover what both cover."""
    if not one or not other:
        rest = one or other
        if all(part == MANY for part in rest):
            yield ()
        return
    if one[0] == MANY or other[0] == MANY:
        if one[0] == other[0] == MANY:
            yield from ((MANY, *rest) for rest in _joint(one[1:], other[1:]))
            return
        many, single = (one, other) if one[0] == MANY else (other, one)
        yield from _joint(many[1:], single)  # the stars stand for nothing
        yield from ((single[0], *rest) for rest in _joint(many, single[1:]))
    elif ONE in (one[0], other[0]) or one[0] == other[0]:
        part = other[0] if one[0] == ONE else one[0]
        yield from ((part, *rest) for rest in _joint(one[1:], other[1:]))


def _spelled(parts: Sequence[str], fresh: str) -> Iterator[str]:
    """Scopes that a pattern covers: stars filled with a part of no other pattern, and each verb where it is open."""
    *path, last = parts
    middle = [fresh if part in (ONE, MANY) else part for part in path]
    shortest = [fresh if part == ONE else part for part in path if part != MANY]
    for words in dict.fromkeys((tuple(middle), tuple(shortest))):
        for verb in VERBS if last in (ONE, MANY) else (last,):
            resource = words or ((fresh,) if verb in VERBS else ())
            if resource:
                yield ".".join((*resource, verb))
