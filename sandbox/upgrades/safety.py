"""Whether a move may be made without asking anybody: proven by replays of recorded calls, else with what is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from galaxy.core.models import User
from galaxy.core.permissions import can
from policies.models import Rule
from registry.manifests import Manifest
from registry.models import Installation, Version
from registry.services import verified_manifest
from registry.services.moving import widening_of
from sandbox.models import UpgradeReport
from sandbox.upgrades.impact import INPUT_GONE, INPUT_NEEDED, INPUT_RENAMED, Impact
from sandbox.upgrades.report import content_for, preview


@dataclass(frozen=True)
class Need:
    """What a person has to say before inputs can be carried over: a value for ``field`` of ``action``, or that it is
    what was called ``was`` before. ``schema`` is that of the field."""

    action: str
    field: str
    was: str = ""
    schema: Any = None

    @property
    def key(self) -> str:
        return f"{self.action}|{self.field}"


@dataclass(frozen=True)
class Proof:
    """``why`` says in sentences what stands in the way; with none, the move is proven safe. ``report`` is what it rests
    on, ``needs`` what somebody could fill in."""

    why: tuple[str, ...]
    report: UpgradeReport
    needs: tuple[Need, ...] = ()

    @property
    def is_safe(self) -> bool:
        return not self.why


def is_safe(installation: Installation, version: Version, *, actor: User | None = None) -> Proof:
    """Whether moving ``installation`` to ``version`` changes nothing for anybody here, by replaying what was recorded.

    The report is stored. Raises NotReplayed.
    """
    return judge(installation, version, preview(installation, version, actor=actor))


def judge(installation: Installation, version: Version, report: UpgradeReport, user: User | None = None) -> Proof:
    """The same by a report that is there already. ``why`` is as ``user`` may read it; without, as everybody may who
    sees the installation."""
    after = verified_manifest(version.digest)
    content = content_for(report, user) if user else _content_for_all(report)
    why = []
    if wider := widening_of(installation, after).words:
        why.append(f"It asks for more than was agreed to: {', '.join(wider)}.")
    told = {
        "fails": ("now fails", "now fail"),
        "asks": ("now asks for a yes", "now ask for a yes"),
        "new_host": ("now calls a new host", "now call a new host"),
        "differs": ("is now answered otherwise", "are now answered otherwise"),
        "unknown": ("could not be replayed", "could not be replayed"),
    }
    why += [
        f"{count:,} recorded call{'s' if count > 1 else ''} {words[count > 1]}."
        for kind, words in told.items()
        if (count := getattr(report, kind))
    ]
    why += [f"{one['name']}: {one['why']}" for one in content["packs"]]
    why += [one["sentence"] for one in content["impact"] if one["is_felt"] and not _is_carried(one, content["moved"])]
    why += list(_of_rules(installation, content["impact"], user))
    why += report.one_way
    return Proof(tuple(dict.fromkeys(why)), report, tuple(needs_of(report, after)))


def _content_for_all(report: UpgradeReport) -> dict[str, Any]:
    impacts = [Impact.from_json(one) for one in report.content["impact"]]
    told = [one.as_json() | {"sentence": one.sentence_for(None)} for one in impacts]
    count = len(report.content["packs"])
    packs = [{"name": f"{count} pack{'' if count == 1 else 's'} here", "why": "would stop."}] if count else []
    return report.content | {"impact": told, "packs": packs}


def needs_of(report: UpgradeReport, after: Manifest) -> Iterator[Need]:
    """What nobody said yet: values that are newly required where something here calls the action, and new names that
    no recorded call proves."""
    moved = report.content["moved"]
    for one in report.content["impact"]:
        action = after.actions.get(one["action"] or after.id)
        schema = (action.inputs if action else after.inputs).get("properties", {})
        how = moved.get(one["action"], {})
        if one["kind"] == INPUT_NEEDED and one["is_felt"] and one["field"] not in how.get("fills", {}):
            yield Need(one["action"], one["field"], schema=schema.get(one["field"]))
        elif one["kind"] == INPUT_RENAMED and one["is_felt"] and not _is_carried(one, moved):
            yield Need(one["action"], one["to"], was=one["field"], schema=schema.get(one["to"]))


def is_settled(how: dict[str, Any], content: dict[str, Any]) -> bool:
    """Whether inputs of an action may be carried over as ``how`` says: proven, or said by a person."""
    return how["is_proven"] or content["confirmed"]


def _is_carried(impact: dict[str, Any], moved: dict[str, Any]) -> bool:
    how = moved.get(impact["action"], {})
    if not how.get("is_proven"):
        return False
    names = {INPUT_RENAMED: how["renames"], INPUT_GONE: how["renames"], INPUT_NEEDED: how["fills"]}
    return impact["field"] in names.get(impact["kind"], {})


def _of_rules(installation: Installation, impact: list[dict[str, Any]], user: User | None) -> Iterator[str]:
    """Rules that look at an amount by a name that is gone: they would look at nothing, and nobody would see it."""
    gone = {one["field"] for one in impact if one["kind"] in (INPUT_GONE, INPUT_RENAMED)}
    if gone:
        is_named = user is not None and can(user, "core.view_rule", installation.workspace)
        for rule in Rule.objects.in_workspace(installation.workspace).filter(ended_at=None):
            field = (rule.when.get("amount") or {}).get("field", "")
            if field in gone:
                yield f"{rule if is_named else 'A rule'} looks at {field}, which would be called otherwise."
