"""The row-level scope: which workspaces' rows the code running now may see.

A context variable holds the scope; the database backend (galaxy.core.db.backend) tells PostgreSQL about it before the
next statement. Leaving a scope therefore runs no SQL and cannot fail in a broken transaction, and a new thread has no
scope and sees no rows. It is a wall against mistakes: code that forgets a filter reads nothing that is not in scope.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Scope = tuple[str, str]  # user id, workspace ids as the literal of a uuid[]; both "" when there is none

_scope: ContextVar[Scope] = ContextVar("galaxy_scope", default=("", ""))


def current_scope() -> Scope:
    return _scope.get()


def scoped_workspace_ids() -> list[str]:
    """Ids of the workspaces in scope, as text, sorted."""
    literal = _scope.get()[1]
    return literal.strip("{}").split(",") if literal else []


def _literal(ids: Iterable[Any]) -> str:
    words = sorted({str(one) for one in ids})
    return "{" + ",".join(words) + "}" if words else ""


@contextmanager
def workspace_scope(ids: Iterable[Any] = (), user: Any = None) -> Iterator[None]:
    """Run the block with exactly these workspaces in scope (ids, not rows), for ``user`` (a primary key) if any."""
    token = _scope.set((str(user or ""), _literal(ids)))
    try:
        yield
    finally:
        _scope.reset(token)


def narrow(ids: Iterable[Any], user: Any = None) -> None:
    """Change the scope inside one that somebody else opened and will close."""
    _scope.set((str(user or ""), _literal(ids)))


@contextmanager
def scope_with(*ids: Any) -> Iterator[None]:
    """Run the block with these workspaces in scope beside those that are: for what two of them share."""
    user, _ = _scope.get()
    with workspace_scope([*scoped_workspace_ids(), *ids], user):
        yield


def in_scope(stream: Iterable[bytes], scope: Scope) -> Iterator[bytes]:
    """The chunks of ``stream``, each made within ``scope``: a stream runs after its view has returned.

    The scope is entered around each step and never around ``yield``, which would leak it to the caller.
    """
    steps = iter(stream)
    while True:
        token = _scope.set(scope)
        try:
            chunk = next(steps)
        except StopIteration:
            return
        finally:
            _scope.reset(token)
        yield chunk


def connect_celery() -> None:
    """Let a task carry the scope of whoever sends it; ``ScopedTask`` opens it again in the worker."""
    from celery.signals import before_task_publish

    before_task_publish.connect(_stamp, weak=False, dispatch_uid="galaxy-scope")


def _stamp(headers: dict | None = None, **kwargs: Any) -> None:
    if headers is not None:
        user, _ = _scope.get()
        headers.setdefault("galaxy_user", user)
        headers.setdefault("galaxy_workspaces", ",".join(scoped_workspace_ids()))
