"""Pages of the upgrade preview: what a version means here, a replay under way, its report, and the form for inputs."""

import contextlib
import json

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.http import wants_partial
from galaxy.core.permissions import why_not
from registry.asks import fields_of
from registry.manifests.misfits import misfits
from registry.models import Installation, Version
from registry.services import verified_manifest
from sandbox.models import Run, UpgradePreview, UpgradeReport
from sandbox.upgrades.drill import drill
from sandbox.upgrades.impact import impacts_of, packs_seen, verdict
from sandbox.upgrades.previews import MAY_PREVIEW, begin_preview, stop_preview
from sandbox.upgrades.python import is_python
from sandbox.upgrades.renames import Moved
from sandbox.upgrades.report import content_for, latest
from sandbox.upgrades.safety import Need, judge, needs_of

PAGE_SIZE = 20
LONGEST_VALUE = 2_000
UNFINISHED = UpgradePreview.UNFINISHED


@require_http_methods(["GET", "HEAD", "POST"])
def upgrade_preview(request, workspace, pk):
    """``to`` names the version by its digest. A POST has what was recorded here replayed, with
    ``fill-…`` and ``same-…`` as somebody filled them in, and leads to the page that shows how far that is."""
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    installation = get_object_or_404(rows.select_related("workspace", "extension", "pin__version"), pk=pk)
    versions = Version.objects.installable().filter(extension=installation.extension_id)
    digest = (request.POST if request.method == "POST" else request.GET).get("to", "")
    others = versions.exclude(pk=installation.pin.version_id).select_related("extension")
    version = get_object_or_404(others.of_digest(digest))
    if request.method == "POST":
        said = _confirmed(request, installation, version)
        return redirect(begin_preview(installation, version, actor=request.user, confirmed=said))
    impacts = impacts_of(installation, [version])[0]
    reports = UpgradeReport.objects.in_workspace(request.workspace).filter(installation=installation)
    page = Paginator(reports.select_related("version", "made_by", "workspace"), PAGE_SIZE)
    context = {
        "installation": installation,
        "version": version,
        "verdict": verdict(impacts, packs_seen(impacts, installation, request.user)),
        "impacts": impacts,
        "drill": drill(installation, version),
        "report": latest(installation, version),
        "open": _previews(request).filter(installation=installation, version=version, state__in=UNFINISHED).first(),
        "replays_python": is_python(installation.pin.version.parsed) or is_python(version.parsed),
        "denied": why_not(request.user, MAY_PREVIEW, installation),
        "page": page.get_page(request.GET.get("page")),
    }
    return render(request, "sandbox/upgrade_preview.html", context)


@require_safe
def preview_detail(request, workspace, pk):
    """How far a replay is, asked for again and again while it is under way, and where its report is."""
    row = get_object_or_404(_previews(request), pk=pk)
    template = "sandbox/_preview.html" if wants_partial(request) else "sandbox/preview_detail.html"
    return render(request, template, {"preview": row, "denied": why_not(request.user, MAY_PREVIEW, row.installation)})


@require_POST
def preview_stopping(request, workspace, pk):
    row = get_object_or_404(_previews(request), pk=pk)
    stop_preview(row, actor=request.user)
    messages.success(request, "The replay is stopped, and nothing is kept of it.")
    return redirect(row)


@require_safe
def upgrade_report(request, workspace, pk):
    rows = UpgradeReport.objects.in_workspace(request.workspace).visible_to(request.user, request.workspace)
    related = ("workspace", "version__extension", "installation__extension", "installation__workspace", "made_by")
    report = get_object_or_404(rows.select_related(*related), pk=pk)
    installation, version = report.installation, report.version
    is_current = installation.is_active and installation.pin.digest == report.from_digest
    proof = judge(installation, version, report, request.user) if is_current else None
    context = {
        "report": report,
        "installation": installation,
        "version": version,
        "content": content_for(report, request.user),
        "figures": _figures(report),
        "is_current": is_current,
        "proof": proof,
        "needs": [_with_type(need) for need in proof.needs] if proof else [],
        "runs": _runs(request, report),
    }
    return render(request, "sandbox/upgrade_report.html", context)


def _previews(request):
    rows = UpgradePreview.objects.in_workspace(request.workspace).visible_to(request.user, request.workspace)
    related = ("workspace", "version__extension", "installation__workspace", "installation__extension", "asked_by")
    return rows.select_related(*related, "report__workspace", "report__version")


def _figures(report: UpgradeReport) -> list[tuple[str, int, str]]:
    """(label, count, tone) of each word that a call can come under."""
    return [
        ("The same", report.same, "ok"),
        ("Differ", report.differs, "warn"),
        ("Now fail", report.fails, "bad"),
        ("Now ask", report.asks, "warn"),
        ("New host", report.new_host, "warn"),
        ("Slower", report.slower, "warn"),
        ("Not replayed", report.unknown, "line"),
    ]


def _runs(request, report: UpgradeReport) -> dict[str, str]:
    """The runs named in findings that the reader may open: {id: address}."""
    named = {run for one in report.content["actions"] for finding in one["findings"] for run in finding["runs"]}
    rows = Run.objects.in_workspace(request.workspace).visible_to(request.user).filter(pk__in=named)
    return {str(run.pk): run.get_absolute_url() for run in rows.select_related("workspace").only("pk", "workspace")}


def _with_type(need: Need) -> dict:
    shown = fields_of({"properties": {need.field: need.schema or {}}})[0]
    return {"need": need, "type": shown.type, "about": shown.about}


def _confirmed(request, installation: Installation, version: Version) -> dict[str, Moved]:
    """What the form said, by action. Raises Invalid for a value that the field does not take."""
    before = latest(installation, version)
    if before is None:
        return {}
    after = verified_manifest(version.digest)
    found: dict[str, Moved] = {
        action: {"renames": dict(how["renames"]), "fills": dict(how["fills"])}
        for action, how in before.content["moved"].items()
    }
    said = False
    for need in needs_of(before, after):
        how = found.setdefault(need.action, {"renames": {}, "fills": {}})
        if need.was and request.POST.get(f"same-{need.key}"):
            how["renames"][need.was] = need.field
            said = True
        elif not need.was and (text := request.POST.get(f"fill-{need.key}", "").strip()):
            how["fills"][need.field] = _value(text[:LONGEST_VALUE], need)
            said = True
    return found if said else {}


def _value(text: str, need: Need):
    """The text as the field takes it: as JSON where that fits, else as it stands. Raises Invalid."""
    schema = {"type": "object", "properties": {need.field: need.schema or {}}}
    candidates = [text]
    with contextlib.suppress(ValueError, RecursionError):
        candidates.insert(0, json.loads(text))
    for value in candidates:
        if not misfits({need.field: value}, schema):
            return value
    sentence = next(iter(misfits({need.field: text}, schema).values()))
    raise Invalid(f"{need.field}: {sentence}", next_step="Go back and give a value that fits.")
