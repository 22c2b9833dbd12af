"""What a change would do, shown before anybody asks for it: a replay of recorded calls, or a rule tried on past ones.

Nothing here changes anything, and nothing is reached. A replay is done by a worker (sandbox.upgrades.previews).
"""

from dataclasses import dataclass, field

from galaxy.core.errors import Conflict
from galaxy.core.models import User
from marketplace.assistant.models import Advice
from marketplace.assistant.words import some
from policies.known import Known
from policies.rule_reading import preview_of
from registry.models import Version
from registry.rollback.targets import version_to_ask_for
from sandbox.models import UpgradePreview, UpgradeReport
from sandbox.upgrades.previews import begin_preview
from sandbox.upgrades.report import latest


class NothingToSimulate(Conflict):
    code = "nothing_to_simulate"
    next_step = "Open the page that the advice leads to."


@dataclass(frozen=True)
class Line:
    """One figure of a result, with its tone."""

    text: str
    tone: str = ""


@dataclass(frozen=True)
class Simulated:
    """``lines`` are the result; while ``is_running`` there is none yet. ``url`` is where all of it stands."""

    title: str
    lines: tuple[Line, ...] = ()
    url: str = ""
    is_running: bool = False
    note: str = field(default="")


def can_simulate(advice: Advice) -> bool:
    step = advice.recommended
    return bool(advice.installation_id and step.version) or bool(step.rule)


def begin(advice: Advice, *, actor: User) -> None:
    """Have a worker replay the recorded calls on the recommended version. Raises NotGranted, UnderWay or
    NothingToSimulate; a rule needs no worker."""
    if advice.recommended.rule:
        return
    version = _version(advice)
    assert advice.installation is not None  # noqa: S101  (a version is found for an installation)
    begin_preview(advice.installation, version, actor=actor)


def result_of(advice: Advice, *, tries: bool = False) -> Simulated | None:
    """What is known now; None where nobody simulated it. ``tries``: a rule is tried on past calls, which takes up to
    some seconds."""
    if advice.recommended.rule:
        return _tried(advice) if tries else None
    installation = advice.installation
    if installation is None or not installation.is_active or not advice.recommended.version:
        return None
    version = version_to_ask_for(installation, advice.recommended.version)
    if version is None:
        return None
    rows = UpgradePreview.objects.in_workspace(advice.workspace).filter(installation=installation, version=version)
    preview = rows.select_related("workspace").order_by("-asked_at").first()
    if preview and preview.is_under_way:
        return Simulated(
            "Replaying", (Line(f"{preview.done} of {preview.total} calls"),), _url(preview), is_running=True
        )
    report = latest(installation, version)
    if report is None and preview and preview.failure:
        return Simulated("Not simulated", (Line(preview.failure, "bad"),), _url(preview))
    return reported(report) if report else None


def reported(report: UpgradeReport) -> Simulated:
    stopped = len(report.content["packs"])  # counted, and named on the page of the report to whoever may see them
    packs = [Line(f"{some(stopped, 'pack')} here would not run with it", "bad")] if stopped else []
    if not report.calls:
        nothing = Line("No calls are recorded here, so there was nothing to replay.")
        return Simulated("Replayed", (nothing, *packs), _url(report))
    lines = [Line(f"{report.same} of {some(report.calls, 'recorded call')} do the same as now", "ok"), *packs]
    for count, words, tone in (
        (report.differs, "give another answer", "warn"),
        (report.fails, "fail", "bad"),
        (report.asks, "wait for a person", "warn"),
        (report.new_host, "call another host", "bad"),
        (report.slower, "are slower", "warn"),
    ):
        if count:
            lines.append(Line(f"{count} {words}", tone))
    back = Line("There is a way back", "ok") if report.is_way_back else Line("There is no proven way back", "bad")
    return Simulated("Replayed", (*lines, back), _url(report))


def _tried(advice: Advice) -> Simulated:
    values = {"title": "Draft", "who": {}, "when": {}, "ask": {}, "obligations": {}, **advice.recommended.rule}
    shown = preview_of(advice.workspace, values, None, Known(advice.workspace), None)
    if shown.problems or shown.replayed is None:
        raise NothingToSimulate("This rule cannot be tried any more.")
    report = shown.replayed.report
    lines = (
        Line(f"{some(report.blocked, 'call')} would be denied", "bad" if report.blocked else "ok"),
        Line(f"{some(report.queued, 'call')} would wait for a person"),
        Line(f"{some(report.freed, 'call')} would be let through"),
        Line(f"{some(report.unchanged, 'call')} would be as now"),
    )
    return Simulated("Tried on the calls of 30 days", lines, advice.step_url)


def _version(advice: Advice) -> Version:
    installation = advice.installation
    version = version_to_ask_for(installation, advice.recommended.version) if installation else None
    if version is None:
        raise NothingToSimulate("There is no such version to move to any more.")
    return version


def _url(row: UpgradePreview | UpgradeReport) -> str:
    return row.get_absolute_url()
