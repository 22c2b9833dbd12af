"""A change in words: what its request says, and what the pages about it show."""

from collections.abc import Sequence
from typing import Any

from galaxy.core.models import Agent, User
from policies.models import Approval, Change, Effect
from policies.proofs import proof_of
from policies.services.change_questions import Verdict
from policies.subjects import FieldChange, Panels, Record
from registry.asks import asks_of, short_words
from registry.compat import compare
from registry.gates import INSTALL, UPGRADE, Step
from registry.models import Version
from registry.services import verified_manifest

NEVER = (
    "See a password or token of yours: it holds none, and this gives it none",
    "Reach a host that is not named here",
    "Change into another version: it stays at these exact bytes until somebody moves it",
)
_UNDO = {
    INSTALL: "It can be removed at any time; what it did by then stays.",
    UPGRADE: "It can be moved back to the version it is held at now, which agrees to less again.",
    "widen": "It can be moved to a version that asks for less.",
}
_ROLL_OUT_UNDO = "It can be stopped or let return at any time: then everything takes the version it is held at now."


def summary_of(change: Change, steps: Sequence[Step]) -> str:
    """One line for the queue: "Install Slack 1.0.0 and 1 more", "Move HubSpot to 2.0.0"."""
    name, number = change.extension.name, steps[-1].version.number
    if change.kind == INSTALL:
        more = f" and {len(steps) - 1} more" if len(steps) > 1 else ""
        return f"Install {name} {number}{more}"
    if steps[-1].course:
        return f"Roll out {name} {number} step by step"
    if change.kind == UPGRADE:
        return f"Move {name} to {number}"
    return f"Let {name} {number} use {short_words(steps[-1].new_scopes) or 'what it asks for'}"


def facts_of(
    change: Change, steps: Sequence[Step], verdict: Verdict, agent: Agent | None, *, is_allowed: bool
) -> dict[str, Any]:
    """The facts of its approval (policies.models.Approval); plain words, nothing that anybody keeps secret."""
    wanted = steps[-1]
    missing = [] if is_allowed else [f"{agent or change.asked_by} may not do this alone."]
    rules = [reason.text for reason in verdict.reasons] if verdict.effect == Effect.REQUIRE_APPROVAL else []
    new = [
        *(scope for step in steps for scope in step.new_scopes),
        *(host for step in steps for host in step.new_hosts),
    ]
    proof = proof_of(wanted)
    told: dict[str, Any] = {}
    if proof and proof.digest:
        told |= {"replay": proof.summary, "way_back": proof.way_back, "report": proof.url}
    if wanted.course and wanted.installation:
        told |= {"course": list(wanted.course.words(wanted.installation.pin.version.number, wanted.version.number))}
    return told | {
        "what": wanted.extension.slug,
        "where": change.workspace.name,
        "version": f"{wanted.version} ({wanted.version.short_digest})",
        "data_classes": sorted(
            {name for step in steps for ask in asks_of(step.version.parsed) for name in ask.classes}
        ),
        "records": "None: nothing is called by it",
        "payer": "Nobody: nothing is called by it",
        "new": list(dict.fromkeys([*new, *wanted.weaker])),
        "along": [str(step.version) for step in steps[:-1]],
        "reason": change.reason,
        "rule": [*missing, *rules],
        "undo": _undo(change),
        "agent": str(agent) if agent else None,
        "agent_id": str(agent.pk) if agent else None,
        "simulated": False,
    }


def panels_of(approval: Approval, reader: User) -> Panels:
    """What the page of a request shows of the change it is about."""
    rows = Change.objects.filter(workspace=approval.workspace_id, pk=approval.subject_id)
    change = rows.select_related("extension", "version__extension").first()
    if change is None:
        return Panels(effect_note="The change is not there any more.")
    facts = approval.facts
    compared = compared_of(change)
    asked = [ask.sentence for version in versions_of(change) for ask in asks_of(version.parsed)]
    return Panels(
        effect_note="Nothing runs by this. What it may do is used by calls, and the rules look at each of them.",
        records=(Record(change.extension.name, compared),) if compared else (),
        records_note="" if compared else "It is not installed yet, so there is nothing to compare with.",
        undo=_undo(change),
        facts=(
            *((("How it comes in", tuple(facts["course"])),) if facts.get("course") else ()),
            ("Asks for", tuple(dict.fromkeys(asked)) or "Nothing: it computes on what it is given"),
            ("New", tuple(facts.get("new", ())) or "Nothing beyond what was agreed to"),
            ("Reaches", tuple(change.hosts) or "No host"),
            *((("Comes along", tuple(facts["along"])),) if facts.get("along") else ()),
            ("Can never", NEVER),
            *((("Recorded calls", facts["replay"]),) if facts.get("replay") else ()),
            *((("Way back", facts["way_back"]),) if facts.get("way_back") else ()),
            *((("Wanted all the same", "They saw that there is no way back."),) if change.override else ()),
            *((("Their reason", change.reason),) if change.reason else ()),
        ),
        links=(("Replay report", facts["report"]),) if facts.get("report") else (),
    )


def _undo(change: Change) -> str:
    return _ROLL_OUT_UNDO if change.course else _UNDO[change.kind]


def compared_of(change: Change) -> tuple[FieldChange, ...]:
    """As it is and as it would be, by what differs; () for an install."""
    if not change.from_digest:
        return ()
    before, after = verified_manifest(change.from_digest), verified_manifest(change.version.digest)
    number = Version.objects.filter(digest=change.from_digest).values_list("number", flat=True).first()
    rows = [FieldChange("Version", number, change.version.number)] if number != change.version.number else []
    return tuple(rows + [FieldChange(one.term, one.now, one.after) for one in compare(before, after).rows])


def versions_of(change: Change) -> list[Version]:
    """The version itself, then what comes along with it."""
    along = Version.objects.open_to(change.workspace_id).filter(digest__in=change.along).select_related("extension")
    return [change.version, *along] if change.along else [change.version]
