"""After migrating: the six roles of every workspace hold what this version of Galaxy says they hold."""

from django.contrib.auth.models import Permission
from django.db import connections, router, transaction

from galaxy.core.db.grants import ROLLUP_ROLE
from galaxy.core.permissions import ROLE_PERMISSIONS
from galaxy.core.scope import workspace_scope

# Row-level security hides every row from the owner too. The roll-up role may list the ids; each workspace is then
# changed within its own scope, so that history is written where it belongs.
_SIX = "SELECT workspace_id, role, group_id FROM core_rolegroup WHERE role <> '' ORDER BY workspace_id"


def sync_roles(using: str, **kwargs) -> int:
    """Give and take permissions of the six role groups until they match; returns how many rows changed.

    A permission that a release adds so reaches workspaces that are older than it. Custom roles stay as they are.
    """
    if not router.allow_migrate(using, "core"):
        return 0
    changed = 0
    for workspace_id, role, group_id in _role_groups(using):
        with workspace_scope([workspace_id]), transaction.atomic(using=using):
            changed += _sync(using, str(workspace_id), group_id, ROLE_PERMISSIONS[role])
    return changed


def _role_groups(using: str) -> list[tuple]:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass('core_rolegroup') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(f"SET ROLE {ROLLUP_ROLE}")
        try:
            cursor.execute(_SIX)
            return cursor.fetchall()
        finally:
            cursor.execute("RESET ROLE")


def _sync(using: str, workspace_id: str, group_id: int, wanted: set[str]) -> int:
    from guardian.models import GroupObjectPermission

    rows = GroupObjectPermission.objects.using(using).filter(
        group_id=group_id,
        object_pk=workspace_id,
        content_type__app_label="core",
        content_type__model="workspace",
    )
    held = dict(rows.values_list("permission__codename", "pk"))
    surplus = [pk for codename, pk in held.items() if codename not in wanted]
    taken, _ = rows.filter(pk__in=surplus).delete()
    missing = Permission.objects.using(using).filter(
        content_type__app_label="core", content_type__model="workspace", codename__in=wanted - set(held)
    )
    for permission in missing:
        GroupObjectPermission.objects.using(using).create(
            group_id=group_id,
            permission=permission,
            content_type_id=permission.content_type_id,
            object_pk=workspace_id,
        )
    return taken + len(missing)
