"""Questions of every page, written as SQL once for whoever asks them.

Writing what somebody may see as SQL costs several times what PostgreSQL needs to answer it. Where the question follows
from the person, the workspace and what they hold on it, and from nothing else, it is the same at their next page. So it
is kept under these three, and with another grant it is another question; rows are read anew each time.
"""

from collections.abc import Callable, Hashable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from galaxy.core.db.backend.base import preparing_cursor
from galaxy.core.db.prepared import Written, write
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import held_on

MOST_KEPT = 4_000  # questions; a person has a few for each workspace and each set of grants they had there
_kept: dict[tuple, tuple[str, tuple]] = {}
_kept_rows: dict[tuple, Written] = {}


def rows_together(
    user: User, workspace: Workspace | None, which: Hashable, ask: Callable[[], list[QuerySet]]
) -> list[tuple[Any, ...]]:
    """The rows of all that ``ask()`` gives, in one query, as PostgreSQL says them.

    Each is a queryset of ``values`` with the same columns, without an order. ``which`` names the question, and whatever
    it rests on beside the person, the workspace and what they hold on it.
    """
    held = held_on(user, workspace) if workspace else frozenset()
    key = (user.pk, workspace and workspace.pk, held, which)
    found = _kept.get(key)
    if found is None:
        first, *rest = ask()
        query = (first.union(*rest, all=True) if rest else first).query
        try:
            found = query.get_compiler(using=connection.alias).as_sql()
        except EmptyResultSet:  # nothing could be among them
            return []
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = found
    sql, values = found
    with preparing_cursor(connection) as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def kept_rows(user: User, workspace: Workspace, which: Hashable, ask: Callable[..., QuerySet], **values: Any) -> list:
    """The rows of ``ask(**values)``, as the queryset itself gives them, with what ``select_related`` names.

    ``which`` names the question, under the rule of ``rows_together``. ``ask`` is called once, with stand-ins, so it
    must not look at the values; they are keys, words or moments, never None (galaxy.core.db.prepared).
    """
    kinds = {name: type(value) for name, value in values.items()}
    key = (user.pk, workspace.pk, held_on(user, workspace), which, tuple(kinds.items()))
    found = _kept_rows.get(key)
    if found is None:
        try:
            found = write(ask, kinds)
        except EmptyResultSet:
            return []
        if len(_kept_rows) >= MOST_KEPT:
            _kept_rows.clear()
        _kept_rows[key] = found
    return found.rows(values)
