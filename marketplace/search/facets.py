"""The facets: what a listing is tagged with, and the searches for tags. A tag is a word of the index of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from marketplace.search.scoring import LEAST_RUNS
from registry.manifests import Manifest
from registry.manifests.scopes import resource, verb

# A tag begins with the facet's own sign; "=" keeps it apart from every word that people write.
KIND, LEVEL, REACH, DOES = "=k:", "=l:", "=r:", "=c:"
SCOPE, CLASS, HEALTH, RECENCY = "=s:", "=d:", "=h:", "=f:"
SIGNS = {
    "kind": KIND,
    "level": LEVEL,
    "reach": REACH,
    "does": DOES,
    "scope": SCOPE,
    "data": CLASS,
    "health": HEALTH,
    "updated": RECENCY,
}
CAPABILITIES = {
    "reads": "Reads",
    "writes": "Writes",
    "deletes": "Deletes",
    "bulk": "Acts on many at once",
    "undo": "Can be taken back",
    "code": "Runs code",
    "starts": "Starts by itself",
}
HEALTHS = {
    "good": "Good: 98 % and more",
    "fair": "Fair: 90 % and more",
    "poor": "Poor: below 90 %",
    "unknown": "Not known",
}
RECENCIES = {"30": "30 days", "180": "6 months", "365": "A year", "old": "Any time"}  # each includes those before it
REACHES = ("0", "1", "2", "3")


@dataclass(frozen=True)
class Filters:
    """What is chosen of each facet, {facet: values}; several of one facet widen, several facets narrow."""

    chosen: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def query(self, leaving_out: str = "") -> str:
        """As the text of a tsquery; "" where nothing is chosen."""
        groups = [
            " | ".join(_quoted(SIGNS[facet] + value) for value in _included(facet, values))
            for facet, values in self.chosen.items()
            if values and facet != leaving_out
        ]
        return " & ".join(f"({group})" for group in groups)

    @property
    def facets(self) -> list[str]:
        return [facet for facet, values in self.chosen.items() if values]


def facts_of(manifest: Manifest, scopes: Iterable[str]) -> dict[str, list[str]]:
    """What of a version the facets need beside its ``scopes``: {capabilities, classes}."""
    actions = list(manifest.actions.values())
    verbs = {verb(scope) for scope in scopes} | {action.effect for action in actions}
    has = {
        "reads": "read" in verbs,
        "writes": "write" in verbs,
        "deletes": "delete" in verbs,
        "bulk": any(action.bulk for action in actions),
        "undo": any(action.undo for action in actions),
        "code": any(action.runner == "python" for action in actions) or manifest.canonical.get("runner") == "python",
        "starts": manifest.kind == "trigger",
    }
    classes = {name for action in actions for name in action.classes}
    return {"capabilities": [name for name, there in has.items() if there], "classes": sorted(classes)}


def tags_of(
    *,
    kind: str,
    level: str,
    reach: int,
    scopes: Iterable[str],
    facts: dict[str, Any],
    runs: int,
    good: int,
    published_at: datetime,
    now: datetime,
) -> list[str]:
    """All tags of a listing, sorted."""
    tags = {KIND + kind, LEVEL + level, f"{REACH}{reach}", HEALTH + health_of(runs, good)}
    tags.add(RECENCY + recency_of(published_at, now))
    tags |= {DOES + name for name in facts.get("capabilities", ())}
    tags |= {CLASS + name for name in facts.get("classes", ())}
    tags |= {SCOPE + resource(scope) for scope in scopes}
    return sorted(tags)


def health_of(runs: int, good: int) -> str:
    if runs < LEAST_RUNS:
        return "unknown"
    return "good" if good >= 0.98 * runs else "fair" if good >= 0.9 * runs else "poor"


def recency_of(published_at: datetime, now: datetime) -> str:
    return next(name for name in RECENCIES if published_at > bounds_of(name, now)[0])


def bounds_of(recency: str, now: datetime) -> tuple[datetime, datetime]:
    """The moments after which and until which a release is of that age; of the newest also what is dated later."""
    names = list(RECENCIES)
    at = names.index(recency)
    moments = [now + timedelta(days=3_650), *(now - timedelta(days=int(one)) for one in names[:-1])]
    oldest = datetime(1, 1, 1, tzinfo=UTC)
    return (moments[at + 1] if at + 1 < len(moments) else oldest), moments[at]


def _included(facet: str, values: tuple[str, ...]) -> Iterable[str]:
    """Bounds include all that lies within them."""
    if facet == "reach":
        return REACHES[: 1 + max(REACHES.index(value) for value in values)]
    if facet == "updated":
        names = list(RECENCIES)
        return names[: 1 + max(names.index(value) for value in values)]
    return values


def _quoted(tag: str) -> str:
    return "'" + tag.replace("\\", "\\\\").replace("'", "''") + "'"
