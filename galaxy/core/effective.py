"""What one person may do in a workspace, and why: each permission with the role or the grant that carries it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, UUIDField
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission, UserObjectPermission

from galaxy.core.grantables import Grantable, grantables
from galaxy.core.models import AuditDetail, AuditEvent, HistoryRow, Membership, User, Workspace
from galaxy.core.permissions import LABELS


@dataclass(frozen=True)
class Reason:
    """Where a permission comes from: a role (``role`` set), or a grant by name, with who gave it and when."""

    role: str = ""
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Line:
    """One permission on the whole workspace; no reasons means that it is missing."""

    perm: str
    label: str
    reasons: list[Reason]

    @property
    def is_held(self) -> bool:
        return bool(self.reasons)

    @property
    def codename(self) -> str:
        return self.perm.partition(".")[2]


@dataclass(frozen=True)
class ObjectLine:
    """One grant on one object. ``kind`` and ``target_id`` name the object for forms; ``reason`` is where it is from."""

    perm: str
    label: str
    kind: str
    noun: str
    target_id: UUID
    target: Any
    reason: Reason

    @property
    def codename(self) -> str:
        return self.perm.partition(".")[2]

    @property
    def object(self) -> str:
        """As forms name it."""
        return f"{self.kind}|{self.target_id}"


@dataclass(frozen=True)
class Effective:
    """Everything: ``lines`` for the workspace, ``objects`` for single grants beyond it, sorted by the object's name."""

    lines: list[Line]
    objects: list[ObjectLine] = field(default_factory=list)

    @property
    def by_name(self) -> list[str]:
        """What is held by a grant to the person and not by a role, in words; it outlives the role."""
        on_workspace = [f"“{line.label}” everywhere" for line in self.lines if any(not r.role for r in line.reasons)]
        on_objects = [f"“{line.label}” on {line.target}" for line in self.objects if not line.reason.role]
        return on_workspace + on_objects

    def may(self, codename: str, obj=None) -> bool:
        """What ``galaxy.core.permissions.can`` answers, worked out from these lines alone."""
        on_workspace = any(line.is_held for line in self.lines if line.perm == f"core.{codename}")
        on_object = obj is not None and any(
            line.target_id == obj.pk for line in self.objects if line.perm.endswith(f".{codename}")
        )
        return on_workspace or on_object


def effective_of(membership: Membership) -> Effective:
    """Read in a number of queries that grows with the kinds of objects, never with the grants."""
    user, workspace = membership.user, membership.workspace
    if not user.is_active:
        return Effective([Line(f"core.{codename}", label, []) for codename, label in LABELS.items()])
    on_workspace = _grants(user, Workspace, Q(object_pk=str(workspace.pk)))
    found: list[tuple[_Grant, Grantable | None, Any]] = [(grant, None, None) for grant in on_workspace]
    for grantable in grantables():
        rows = {row.pk: row for row in _rows_with_grants(user, workspace, grantable)}
        if rows:
            for grant in _grants(user, grantable.model, Q(object_pk__in=[str(pk) for pk in rows])):
                found.append((grant, grantable, rows[UUID(grant.object_pk)]))
    times = _times(workspace, [grant for grant, _, _ in found])
    givers = _givers(workspace, user, [(row or workspace).pk for grant, _, row in found if not grant.role])

    reasons: dict[str, list[Reason]] = {codename: [] for codename in LABELS}
    objects = []
    for grant, of_kind, row in found:
        target_id = str((row or workspace).pk)
        by = "" if grant.role else givers.get((target_id, grant.codename), "")
        reason = Reason(role=grant.role, by=by, at=times.get((grant.table, str(grant.id))))
        if of_kind is None:
            reasons.setdefault(grant.codename, []).append(reason)
        elif grant.codename in of_kind.permissions:
            objects.append(
                ObjectLine(
                    perm=of_kind.perm(grant.codename),
                    label=of_kind.permissions[grant.codename],
                    kind=of_kind.kind,
                    noun=of_kind.noun,
                    target_id=row.pk,
                    target=row,
                    reason=reason,
                )
            )
    objects.sort(key=lambda line: (str(line.target).lower(), line.perm, line.reason.role))
    return Effective([Line(f"core.{name}", LABELS[name], reasons[name]) for name in LABELS], objects)


@dataclass(frozen=True)
class _Grant:
    """A guardian row: ``table`` and ``id`` find it in history; ``role`` is the role that carries it, "" by name."""

    table: str
    id: int
    codename: str
    object_pk: str
    role: str


def _grants(user: User, model, where: Q) -> list[_Grant]:
    """Grants to ``user`` on rows of ``model``, by name and by the groups they are in. Two queries."""
    where &= Q(content_type=ContentType.objects.get_for_model(model))
    by_name = UserObjectPermission.objects.filter(where, user=user).select_related("permission")
    by_group = GroupObjectPermission.objects.filter(where, group__user=user)
    found = [_grant(row, "") for row in by_name]
    for row in by_group.select_related("permission", "group__role_group"):
        role = getattr(row.group, "role_group", None)
        found.append(_grant(row, role.label if role else row.group.name))
    return found


def _grant(row, role: str) -> _Grant:
    return _Grant(row._meta.db_table, row.pk, row.permission.codename, row.object_pk, role)


def _rows_with_grants(user: User, workspace: Workspace, grantable: Grantable):
    """The objects of one kind that anything is granted on to ``user`` or to a group of theirs."""
    content_type = ContentType.objects.get_for_model(grantable.model)
    keys = Q()
    for rows in (
        UserObjectPermission.objects.filter(user=user, content_type=content_type),
        GroupObjectPermission.objects.filter(group__user=user, content_type=content_type),
    ):
        keys |= Q(pk__in=rows.annotate(row=Cast("object_pk", UUIDField())).values("row"))
    return grantable.rows(workspace).filter(keys)


def _times(workspace: Workspace, grants: list[_Grant]) -> dict[tuple[str, str], datetime]:
    """When each grant came to be, from history: {(table, id): moment}."""
    ids = [str(grant.id) for grant in grants]
    rows = HistoryRow.objects.in_workspace(workspace).filter(
        kind__in={grant.table for grant in grants}, row_id__in=ids, during__upper_inf=True
    )
    return {(kind, row_id): during.lower for kind, row_id, during in rows.values_list("kind", "row_id", "during")}


def _givers(workspace: Workspace, user: User, target_ids: list[UUID]) -> dict[tuple[str, str], str]:
    """Who gave each grant by name last, from the trail: {(id of the object, codename): name}."""
    events = AuditEvent.objects.in_workspace(workspace).filter(
        action="grant.created", target_id__in={str(id) for id in target_ids}
    )
    details = AuditDetail.objects.in_workspace(workspace).in_bulk(list(events.values_list("pk", flat=True)))
    found = {}
    for _, detail in sorted(details.items()):
        fields = detail.fields
        if fields.get("after.to") == str(user.pk):
            codename = str(fields.get("after.permission", "")).partition(".")[2]
            found[(fields["target.id"], codename)] = detail.actor_label
    return found
