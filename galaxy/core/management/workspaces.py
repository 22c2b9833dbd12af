"""Workspaces for commands, which no membership brings into scope."""

from collections.abc import Iterator, Sequence

from django.core.management.base import CommandError
from django.db import connections

from galaxy.core.db.grants import ROLLUP_ROLE
from galaxy.core.models import Workspace
from galaxy.core.scope import workspace_scope


def workspaces_named(slugs: Sequence[str] = ()) -> Iterator[Workspace]:
    """Each of them, or all where none is named, in scope while it is handled. The owner's role may list what the walls
    hide from it. Raises CommandError for a name that is none."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"SET ROLE {ROLLUP_ROLE}")
        try:
            cursor.execute("SELECT id, slug FROM core_workspace ORDER BY slug")
            found = {slug: id for id, slug in cursor.fetchall()}
        finally:
            cursor.execute("RESET ROLE")
    if unknown := sorted(set(slugs) - set(found)):
        raise CommandError(f"There is no workspace named {', '.join(unknown)}.")
    for slug in slugs or found:
        with workspace_scope([found[slug]]):
            yield Workspace.objects.get(pk=found[slug])
