"""What a version breaks, and whom of this workspace that hits: by recorded calls and packs, not by what is declared."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jmespath
from django.db.models import Count, Q
from django.utils import timezone

from galaxy.core.models import User
from registry.compat import Comparison, compare
from registry.dependants import PACK, seen_by, unseen
from registry.manifests import Manifest
from registry.models import Installation, Version
from registry.pack_fits import steps_calling
from registry.services import needed_by, verified_manifest
from sandbox.models import CallRecord
from sandbox.transforms.classes import read_places
from sandbox.upgrades.renames import declared

LOOKED_BACK = timedelta(days=90)
MOST_BREAKS = 60  # of one version; more is another extension
ACTION_GONE, INPUT_GONE, INPUT_NEEDED, INPUT_RETYPED = "action_gone", "input_gone", "input_needed", "input_retyped"
OUTPUT_GONE, OUTPUT_RETYPED, INPUT_RENAMED = "output_gone", "output_retyped", "input_renamed"
OUTPUT_OPTIONAL = "output_optional"
_WORDS = {
    ACTION_GONE: "{action} is gone",
    INPUT_GONE: "{action} does not take {field} any more",
    INPUT_NEEDED: "{action} needs {field}",
    INPUT_RETYPED: "{action} takes {field} as something else",
    INPUT_RENAMED: "{action} calls {field} {to}",
    OUTPUT_GONE: "{action} does not give {field} any more",
    OUTPUT_RETYPED: "{action} gives {field} as something else",
    OUTPUT_OPTIONAL: "{action} may leave out {field}",
}
_KINDS = {
    (True, "gone"): INPUT_GONE,
    (True, "needed"): INPUT_NEEDED,
    (True, "retyped"): INPUT_RETYPED,
    (False, "gone"): OUTPUT_GONE,
    (False, "optional"): OUTPUT_OPTIONAL,
    (False, "retyped"): OUTPUT_RETYPED,
}  # of what registry.compat counts as a break of a field


@dataclass(frozen=True)
class Break:
    """One thing that callers may feel. ``action`` is its id, "" for a whole; ``to`` is the new name of what has one."""

    kind: str
    action: str
    field: str = ""
    to: str = ""

    @property
    def words(self) -> str:
        return _WORDS[self.kind].format(action=self.action or "It", field=self.field, to=self.to)


@dataclass(frozen=True)
class Impact:
    """A break with who feels it here: ``calls`` of the last LOOKED_BACK, and ``packs``, as {id: name}."""

    broken: Break
    calls: int
    packs: Mapping[str, str]

    @property
    def is_felt(self) -> bool:
        return bool(self.calls or self.packs)

    def names_for(self, seen: Collection[str]) -> list[str]:
        return [name for id, name in self.packs.items() if id in seen]

    def sentence_for(self, seen: Collection[str] | None) -> str:
        """For whoever may see the packs ``seen``; None: for everybody who may see what is called, so that it names no
        pack."""
        if not self.is_felt:
            return f"{self.broken.words}: your calls do not use it."
        words = [f"{self.calls:,} of your calls"] if self.calls else []
        words += self.names_for(seen or ())
        if hidden := len(self.packs) - len(self.names_for(seen or ())):
            words.append(unseen(PACK, hidden) if seen is not None else f"{hidden} pack{'' if hidden == 1 else 's'}")
        is_one = not self.calls and len(self.packs) == 1
        return f"{self.broken.words}: {' and '.join(words)} use{'s' if is_one else ''} it."

    def as_json(self) -> dict[str, Any]:
        """As a report keeps it, and nobody is shown."""
        one = self.broken
        packs = [{"id": id, "name": name} for id, name in self.packs.items()]
        return {
            "kind": one.kind, "action": one.action, "field": one.field, "to": one.to, "calls": self.calls,
            "packs": packs, "is_felt": self.is_felt,
        }  # fmt: skip

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Impact":
        """Reports of before kept names alone, which are told to nobody."""
        broken = Break(kept["kind"], kept["action"], kept["field"], kept["to"])
        packs = (one if isinstance(one, dict) else {"id": one, "name": ""} for one in kept["packs"])
        return cls(broken, kept["calls"], {one["id"]: one["name"] for one in packs})

    def shown(self, seen: Collection[str]) -> dict[str, Any]:
        """What the page and the API tell whoever may see the packs ``seen``."""
        return self.as_json() | {"packs": self.names_for(seen), "sentence": self.sentence_for(seen)}


def breaks_of(before: Manifest, after: Manifest) -> list[Break]:
    """What ``after`` breaks of ``before``, whoever uses it; what is only added breaks nothing."""
    compared = compare(before, after)
    if before.kind not in ("connector", "action"):
        return list(_of_fields(compared, "", "", {}))[:MOST_BREAKS]
    found: list[Break] = []
    for name, old in before.actions.items():
        action = name if before.kind == "connector" else ""
        new = after.actions.get(name)
        if new is None:
            found.append(Break(ACTION_GONE, action))
        else:
            found += _of_fields(compared, name, action, declared(old, new))
    return found[:MOST_BREAKS]


def impacts_of(
    installation: Installation, versions: Sequence[Version], now: datetime | None = None
) -> list[list[Impact]]:
    """For each of ``versions`` what it breaks and who feels it here, in two queries however many there are."""
    held = verified_manifest(installation.pin.digest)
    breaks = [breaks_of(held, verified_manifest(version.digest)) for version in versions]
    every = list(dict.fromkeys(one for some in breaks for one in some))
    if not every:
        return [[] for _ in versions]
    counts = _counts(installation, held, every, (now or timezone.now()) - LOOKED_BACK)
    packs = [(str(pack.pk), str(pack), pack.pin.version.parsed) for pack in needed_by(installation)]
    slug = installation.extension.slug
    used = {one: {id: name for id, name, pack in packs if _uses(pack, slug, one)} for one in every}
    return [[Impact(one, counts[one], used[one]) for one in some] for some in breaks]


def packs_seen(
    impacts: Iterable[Impact], installation: Installation, user: User, also: Collection[UUID] = ()
) -> set[str]:
    """The packs in ``impacts`` and of ``also`` that ``user`` may read the names of; no query where there is none."""
    ids = set(also) | {UUID(id) for one in impacts for id, name in one.packs.items() if name}
    return {str(id) for id in seen_by(user, ids, installation.workspace)}


def verdict(impacts: Iterable[Impact], seen: Collection[str]) -> str:
    """One sentence for the page of an update, for whoever may see the packs ``seen``: nothing breaks, not affected, or
    who is."""
    impacts = list(impacts)
    if not impacts:
        return "Not affected: it takes and gives what the version in use does."
    felt = [one for one in impacts if one.is_felt]
    if not felt:
        what = "; ".join(one.broken.words for one in impacts[:3])
        more = f" and {len(impacts) - 3} more" if len(impacts) > 3 else ""
        return f"Not affected. {what}{more}: your calls do not use it."
    return " ".join(one.sentence_for(seen) for one in felt[:5])


def _of_fields(compared: Comparison, id: str, action: str, renamed: dict[str, str]) -> Iterator[Break]:
    """``id`` names the action to the manifests, ``action`` to people; both "" for a whole."""
    for was, to in renamed.items():
        yield Break(INPUT_RENAMED, action, was, to)
    was_needed = compared.before.actions[id].inputs.get("required", ()) if renamed else ()
    taken_over = {to for was, to in renamed.items() if was in was_needed}
    for one in compared.broken_fields(id):
        kind = _KINDS[one.is_input, one.how]
        is_renamed = one.is_input and one.name in renamed
        if not is_renamed and not (kind == INPUT_NEEDED and one.name in taken_over):
            yield Break(kind, action, one.name)


def _counts(installation: Installation, held: Manifest, breaks: list[Break], since: datetime) -> dict[Break, int]:
    """How many recorded calls use each of ``breaks``, in one query. An answer counts where nobody reads it but a
    person, an agent or a script: what a pack reads stands in the pack."""
    rows = CallRecord.objects.in_workspace(installation.workspace).filter(
        run__installation=installation, run__is_check=False, called_at__gte=since
    )
    asked = {f"n{at}": Count("pk", filter=_using(held, one)) for at, one in enumerate(breaks)}
    found = rows.aggregate(**asked)
    return {one: found[f"n{at}"] for at, one in enumerate(breaks)}


def _using(held: Manifest, one: Break) -> Q:
    of_action = Q(action=f"{held.id}.{one.action}" if one.action else held.id)
    if one.kind == ACTION_GONE:
        return of_action
    if one.kind == INPUT_NEEDED:
        return of_action & ~Q(inputs__has_key=one.field)
    if one.kind in (INPUT_GONE, INPUT_RETYPED, INPUT_RENAMED):
        return of_action & Q(inputs__has_key=one.field)
    return of_action & Q(run__parent=None, outputs__has_key=one.field) & ~Q(**{f"outputs__{one.field}": None})


def _uses(pack: Manifest, slug: str, one: Break) -> bool:
    for step, action in steps_calling(pack, slug):
        if action != one.action:
            continue
        if one.kind == ACTION_GONE:
            return True
        if one.kind == INPUT_NEEDED and one.field not in step.get("with", {}):
            return True
        if one.kind in (INPUT_GONE, INPUT_RETYPED, INPUT_RENAMED) and one.field in step.get("with", {}):
            return True
        place = ("steps", step["id"], *(["*"] if "each" in step else []), one.field)
        if one.kind in (OUTPUT_GONE, OUTPUT_RETYPED, OUTPUT_OPTIONAL) and _reads(pack, place):
            return True
    return False


def _reads(pack: Manifest, place: tuple[str, ...]) -> bool:
    """Whether an expression of ``pack`` looks at ``place``, at something in it, or at what it stands in as a whole."""
    for expression in _expressions([pack.canonical.get("steps", []), pack.canonical.get("outcome", {}).get("success")]):
        for path in read_places(jmespath.compile(expression).parsed):
            shared = min(len(path), len(place))
            if len(path) >= 2 and path[:shared] == place[:shared]:
                return True
    return False


_SAID = ("with", "when", "each")


def _expressions(tree: Any, key: str = "") -> Iterator[str]:
    """Every expression of a pack's steps: behind ``with``, ``when`` and ``each``, and its outcome."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, list):
        for part in tree:
            yield from _expressions(part)
    elif isinstance(tree, dict):
        inner = {name: part for name, part in tree.items() if not ("use" in tree and name not in _SAID)}
        for part in inner.values():
            yield from _expressions(part)
