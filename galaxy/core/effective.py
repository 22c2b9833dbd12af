"""What one person may do in a workspace, and why: each permission with the role or the grant that carries it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet, UUIDField
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission, UserObjectPermission

from galaxy.core.db.prepared import Prepared, prepared
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


_of_kinds: dict[str, Prepared] = {}  # what is asked of each kind, written when it is asked first


def effective_of(membership: Membership) -> Effective:
    """Read in a number of queries that grows with the kinds of objects, never with the grants."""
    user, workspace = membership.user, membership.workspace
    if not user.is_active:
        return Effective([Line(f"core.{codename}", label, []) for codename, label in LABELS.items()])
    on_workspace = _grants(user, Workspace, [workspace.pk])
    found: list[tuple[_Grant, Grantable | None, Any]] = [(grant, None, None) for grant in on_workspace]
    for grantable in grantables():
        rows = {row.pk: row for row in _rows_with_grants(user, workspace, grantable)}
        if rows:
            for grant in _grants(user, grantable.model, rows):
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


def _grants(user: User, model: type[Model], pks: Iterable[UUID]) -> list[_Grant]:
    """Grants to ``user`` on rows of ``model``, by name and by the groups they are in. Two queries."""
    where = {"app": model._meta.app_label, "model": str(model._meta.model_name), "pks": ",".join(map(str, pks))}
    found = [_grant(row, "") for row in _by_name(user=user.pk, **where)]
    for row in _by_group(user=user.pk, **where):
        role = getattr(row.group, "role_group", None)
        found.append(_grant(row, role.label if role else row.group.name))
    return found


@prepared
def _by_name(user: UUID, app: str, model: str, pks: str) -> QuerySet[UserObjectPermission]:
    rows = UserObjectPermission.objects.filter(user=user, object_pk__among=pks)
    return rows.filter(content_type__app_label=app, content_type__model=model).select_related("permission")


@prepared
def _by_group(user: UUID, app: str, model: str, pks: str) -> QuerySet[GroupObjectPermission]:
    rows = GroupObjectPermission.objects.filter(group__user=user, object_pk__among=pks)
    rows = rows.filter(content_type__app_label=app, content_type__model=model)
    return rows.select_related("permission", "group__role_group")


def _grant(row, role: str) -> _Grant:
    return _Grant(row._meta.db_table, row.pk, row.permission.codename, row.object_pk, role)


def _rows_with_grants(user: User, workspace: Workspace, grantable: Grantable) -> list[Any]:
    """The objects of one kind that anything is granted on to ``user`` or to a group of theirs."""
    ask = _of_kinds.get(grantable.kind)
    if ask is None:
        ask = _of_kinds[grantable.kind] = prepared(partial(_of_kind, grantable))
    return ask(workspace=workspace.pk, user=user.pk)


def _of_kind(grantable: Grantable, workspace: UUID, user: UUID) -> QuerySet[Any]:
    of = {"content_type__app_label": grantable.model._meta.app_label}
    of["content_type__model"] = str(grantable.model._meta.model_name)
    keys = Q()
    for rows in (
        UserObjectPermission.objects.filter(user=user, **of),
        GroupObjectPermission.objects.filter(group__user=user, **of),
    ):
        keys |= Q(pk__in=rows.annotate(row=Cast("object_pk", UUIDField())).values("row"))
    return grantable.rows(workspace).filter(keys)


def _times(workspace: Workspace, grants: list[_Grant]) -> dict[tuple[str, str], datetime]:
    """When each grant came to be, from history: {(table, id): moment}."""
    kinds, ids = ",".join({grant.table for grant in grants}), ",".join(str(grant.id) for grant in grants)
    rows = _last_states(workspace=workspace.pk, kinds=kinds, ids=ids)
    return {(kind, row_id): during.lower for kind, row_id, during in rows}


@prepared
def _last_states(workspace: UUID, kinds: str, ids: str) -> QuerySet[HistoryRow, tuple[str, str, Any]]:
    rows = HistoryRow.objects.filter(workspace=workspace, kind__among=kinds, row_id__among=ids)
    return rows.filter(during__upper_inf=True).values_list("kind", "row_id", "during")


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
