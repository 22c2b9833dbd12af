"""Secrets as pages and API show them: names, bounds, stages and uses. Nothing here could open anything."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max, OuterRef, Prefetch, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from galaxy.core.models import Rewrap, Secret, SecretLease, SecretVersion, Workspace, WorkspaceKey
from galaxy.core.models.vault import SecretQuerySet
from galaxy.core.vault.envelope import Header, header_of
from galaxy.core.vault.services.testing import can_test
from galaxy.core.vault.tables import tables

SIZE = 40
VERSIONS = 20  # shown on a secret's page, the newest
USES = 10
Stage = SecretVersion.Stage
_SEALED = ("ciphertext", "wrapped_key")


@dataclass(frozen=True)
class Page:
    """Secrets by name; ``before`` and ``after`` are the places where the neighbouring pages begin, "" at an end."""

    secrets: list[Secret]
    before: str
    after: str


@dataclass(frozen=True)
class VersionRow:
    """A version with what its header says and when it was used last."""

    version: SecretVersion
    header: Header
    last_used_at: datetime | None


@dataclass(frozen=True)
class Rotation:
    """Where a rotation stands: what is staged, what is current, and what is still there to go back to.

    ``can_test``: the staged value can be tried out here.
    """

    staged: SecretVersion | None
    current: SecretVersion | None
    previous: SecretVersion | None
    can_test: bool

    @property
    def step(self) -> str:
        """The step that comes next: stage, test, switch or retire."""
        if self.staged:
            return "test" if self.can_test and not self.staged.test_passed else "switch"
        return "retire" if self.previous else "stage"


def secrets_of(workspace: Workspace) -> SecretQuerySet:
    """Every secret with ``last_used_at`` and, as ``live``, its versions that can be opened, without their bytes."""
    used = SecretLease.objects.filter(workspace=OuterRef("workspace"), secret=OuterRef("pk"), consumed_at__isnull=False)
    newest = used.order_by("-consumed_at").values("consumed_at")[:1]
    live = SecretVersion.objects.in_workspace(workspace).openable().defer(*_SEALED)
    return (
        Secret.objects.in_workspace(workspace)
        .select_related("workspace", "created_by")
        .annotate(last_used_at=Subquery(newest))
        .prefetch_related(Prefetch("versions", live, to_attr="live"))
    )


def in_stage(secret: Secret, stage: str) -> SecretVersion | None:
    """Of a secret read by ``secrets_of``."""
    live: list[SecretVersion] = secret.live  # type: ignore[attr-defined]  # prefetched there
    return next((version for version in live if version.stage == stage), None)


def page_of(secrets: QuerySet[Secret], *, before: str = "", after: str = "") -> Page:
    """The SIZE secrets behind a place, or before one, else the first. A place is name/id."""
    if before:
        found = list(secrets.filter(_beyond(before, "lt")).order_by("-name", "-id")[: SIZE + 1])
        shown, has_before, has_after = found[:SIZE][::-1], len(found) > SIZE, True
    else:
        rows = secrets.filter(_beyond(after, "gt")) if after else secrets
        found = list(rows.order_by("name", "id")[: SIZE + 1])
        shown, has_before, has_after = found[:SIZE], bool(after), len(found) > SIZE
    ends = (shown[0], shown[-1]) if shown else (None, None)
    return Page(shown, _place(ends[0]) if has_before else "", _place(ends[1]) if has_after else "")


def versions_of(secret: Secret) -> list[VersionRow]:
    """The newest versions, newest first."""
    found = secret.versions.select_related("key", "staged_by", "ended_by").order_by("-number")[:VERSIONS]
    uses = SecretLease.objects.filter(workspace=secret.workspace_id, secret=secret, consumed_at__isnull=False)
    last = dict(uses.values_list("version").annotate(at=Max("consumed_at")).values_list("version", "at"))
    return [VersionRow(one, header_of(bytes(one.ciphertext)), last.get(one.pk)) for one in found]


def rotation_of(secret: Secret) -> Rotation:
    """Where it stands; asked for by itself, since the newest versions may all be discarded ones."""
    openable = secret.versions.openable().select_related("staged_by", "tested_by", "switched_by").defer(*_SEALED)
    by_stage = {version.stage: version for version in openable}
    staged, current, previous = (by_stage.get(stage) for stage in (Stage.STAGED, Stage.CURRENT, Stage.PREVIOUS))
    return Rotation(staged, current, previous, staged is not None and can_test(staged))


def uses_of(secret: Secret) -> QuerySet[SecretLease]:
    """The latest uses: when, of which version, by which extension, in which run."""
    used = SecretLease.objects.filter(workspace=secret.workspace_id, secret=secret, consumed_at__isnull=False)
    return used.select_related("version").order_by("-consumed_at")[:USES]


def keys_of(workspace: Workspace) -> QuerySet[WorkspaceKey]:
    """Keys of the workspace with ``data_keys``, how many each wraps, newest first."""
    counts = [
        Coalesce(
            Subquery(
                table.model.objects.filter(
                    workspace=OuterRef("workspace"), key=OuterRef("pk"), wrapped_key__isnull=False
                )
                .values("key")
                .annotate(count=Count("pk"))
                .values("count")
            ),
            0,
        )
        for table in tables()
    ]
    return (
        WorkspaceKey.objects.in_workspace(workspace)
        .annotate(data_keys=sum(counts, Value(0)))
        .defer("wrapped")
        .order_by("-version")
    )


def latest_rewrap(workspace: Workspace) -> Rewrap | None:
    return Rewrap.objects.in_workspace(workspace).select_related("workspace", "to_key", "started_by").first()


def _place(secret: Secret | None) -> str:
    return f"{secret.name}/{secret.pk}" if secret else ""


def _beyond(place: str, way: str) -> Q:
    """Beyond a place in the order of (name, id); one that is none begins at its name."""
    name, _, id = place.partition("/")
    beyond = Q(**{f"name__{way}": name})
    try:
        return beyond | Q(**{"name": name, f"id__{way}": UUID(id)})
    except ValueError:
        return beyond
