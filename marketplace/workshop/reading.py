"""What the workshop's pages show, read in a fixed number of queries."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from galaxy.core.models import User, Workspace
from galaxy.core.permissions import Denied
from marketplace.workshop.models import ApiDocument, ApiOperation, Draft
from registry.manifests import Manifest
from registry.models import Installation, Kind, Version
from registry.services.holding import why_not_hold, why_not_move
from registry.services.moving import Widening, widening_of
from sandbox.models import Run

MOST_VERSIONS = 20  # each is read whole, to say what moving to it would ask for
_ALWAYS = ("happy", "slow")  # answered by the simulation itself


@dataclass(frozen=True)
class VersionRow:
    """A version of a draft. ``is_held``: it is the one installed; ``widening`` and ``denied`` are of moving to it."""

    version: Version
    is_held: bool
    widening: Widening | None = None
    denied: Denied | None = None


@dataclass(frozen=True)
class TrialRow:
    """One action that can be simulated: ``scenarios`` are pairs of value and label, those that it has a sample for."""

    target: str
    name: str
    scenarios: list[tuple[str, str]]


def drafts_of(workspace: Workspace) -> QuerySet[Draft]:
    """The drafts on the list, newest first, each with ``newest`` (a number) and ``held`` (the number installed)."""
    versions = Version.objects.filter(workspace=workspace, extension=OuterRef("extension"), status="published")
    held = Installation.objects.in_workspace(workspace).active().filter(extension=OuterRef("extension"))
    return (
        Draft.objects.in_workspace(workspace)
        .kept()
        .select_related("workspace", "updated_by")
        .defer("text", "losses")
        .annotate(
            newest=Subquery(versions.order_by("-published_at").values("number")[:1]),
            held=Subquery(held.values("pin__version__number")[:1]),
        )
        .order_by("-updated_at", "-id")
    )


def newest_submission_of(draft: Draft) -> Any:
    """The submission that was handed in of the draft last (marketplace.submissions.models), or None."""
    from marketplace.submissions.models import Submission  # which stands on drafts itself

    rows = Submission.objects.in_workspace(draft.workspace).filter(draft=draft)
    return rows.defer("text", "manifest").order_by("-submitted_at", "-pk").first()


def installation_of(draft: Draft, user: User) -> Installation | None:
    """What is installed of the draft, as far as ``user`` may see it."""
    if draft.extension_id is None:
        return None
    rows = Installation.objects.in_workspace(draft.workspace).visible_to(user).active()
    return rows.filter(extension=draft.extension_id).select_related("workspace", "extension", "pin__version").first()


def versions_of(draft: Draft, installation: Installation | None, user: User) -> list[VersionRow]:
    """Versions on the list, the newest MOST_VERSIONS first."""
    if draft.extension is None:
        return []
    rows = draft.extension.versions.filter(workspace=draft.workspace, status="published").select_related("published_by")
    found = []
    for version in rows.order_by("-published_at", "-sort_key")[:MOST_VERSIONS]:
        version.extension = draft.extension
        if installation is None:
            found.append(VersionRow(version, False, denied=why_not_hold(user, draft.workspace, draft.extension)))
        elif installation.pin.version_id == version.pk:
            found.append(VersionRow(version, True))
        else:
            wider = widening_of(installation, version.parsed)
            denied = why_not_move(user, installation, widens=bool(wider))
            found.append(VersionRow(version, False, wider, denied))
    return found


def trials_of(installation: Installation) -> list[TrialRow]:
    """What of an installed version can be simulated, sample by sample."""
    manifest: Manifest = installation.pin.version.parsed
    found = []
    for action in manifest.actions.values():
        target = f"{manifest.id}.{action.id}" if manifest.kind == Kind.CONNECTOR else manifest.id
        known = {*action.fixtures, *_ALWAYS} | ({Run.Scenario.BULK} if action.bulk else set())
        found.append(TrialRow(target, action.name, [one for one in Run.Scenario.choices if one[0] in known]))
    return found


def operations_of(document: ApiDocument) -> QuerySet[ApiOperation]:
    return ApiOperation.objects.filter(workspace=document.workspace_id, document=document)


def tags_of(document: ApiDocument) -> list[str]:
    """The tags of its operations, in the order of the document, 100 at most."""
    found: dict[str, None] = {}
    for tags in operations_of(document).values_list("tags", flat=True):
        found |= dict.fromkeys(tags)
    return list(found)[:100]


def documents_of(workspace: Workspace) -> QuerySet[Any]:
    """The documents kept, newest first, each with ``count`` and ``chosen``."""
    chosen = Count("operations", filter=Q(operations__is_chosen=True))
    rows = ApiDocument.objects.in_workspace(workspace).select_related("workspace", "uploaded_by")
    return rows.defer("content", "problems", "losses").annotate(count=Count("operations"), chosen=chosen)
