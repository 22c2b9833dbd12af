"""What does not fit after a restore: walls that did not come along, keys that are others, a tail that is gone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from galaxy.core.audit.anchors import KEYS, Anchors
from galaxy.core.audit.checkpoints import Head, head_of
from galaxy.core.audit.tree import checkpoint_of, public_keys
from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.errors import DomainError
from galaxy.core.models import Workspace, WorkspaceKey
from galaxy.core.vault import signing
from galaxy.core.vault.accounts import MFAAdapter
from galaxy.core.vault.keys import forget_keys, unwrapped

Check = Callable[[], Iterator[str]]
_added: list[Check] = []


def add_check(check: Check) -> None:
    """Let a higher floor look at keys of its own; called once, when its app is ready. It gives a sentence for each
    thing that does not fit."""
    if check not in _added:
        _added.append(check)


@dataclass(frozen=True)
class Loss:
    """What the copy outside the database had seen sealed of a workspace's trail, and the database has not."""

    kept: Head | None
    seen: Head

    @property
    def events(self) -> int:
        return max(0, self.seen.size - (self.kept.size if self.kept else 0))

    @property
    def sentence(self) -> str:
        first = self.kept.size if self.kept else 0
        since = f"{self.kept.signed_at:%Y-%m-%d %H:%M:%S}" if self.kept else "its beginning"
        return (
            f"{self.events} sealed events are not in this backup: positions {first} to {self.seen.size - 1}, written "
            f"between {since} and {self.seen.signed_at:%Y-%m-%d %H:%M:%S} UTC"
        )


def loss_of(workspace: Workspace, anchors: Anchors) -> Loss | None:
    """None where the database has all that the copy outside has. The workspace must be in scope."""
    last = anchors.last(workspace.pk)
    if last is None:
        return None
    stored = checkpoint_of(workspace)
    seen = head_of(last[1])
    if stored is None:
        return Loss(None, seen)
    kept = head_of(stored.note)
    return None if kept.number > seen.number or stored.note == last[1] else Loss(kept, seen)


def walls() -> Iterator[str]:
    """What row-level security, owners and grants lack of what migrations gave them: a dump that was restored without
    owners or privileges brings tables that everybody may read, or nobody."""
    with connections["owner"].cursor() as cursor:
        for query, sentence in _WALLS:
            cursor.execute(query, {"app": APP_ROLE, "rollup": ROLLUP_ROLE})
            names = [name for (name,) in cursor.fetchall()]
            if names:
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                yield sentence.format(", ".join(names[:3]) + more)


def keys_of_trail(anchors: Anchors) -> Iterator[str]:
    """The private key that signed last has to be at hand, and the copy outside must know the same keys."""
    chain = public_keys()
    last = anchors.last(KEYS)
    if last and chain and last[0] <= len(chain) and chain[last[0] - 1].note != last[1]:
        yield f"Signing key {last[0]} of the trail is another in the copy outside the database."
    if not chain:
        return
    try:
        held = signing.current()
    except (DomainError, ImproperlyConfigured) as error:
        yield f"The keys that sign the trail were not looked at: {error} Give this command GALAXY_SIGNING_KEYS."
        return
    newest = last[1] if last and last[0] > len(chain) else None
    if chain[-1].key_id not in held:
        yield f"GALAXY_SIGNING_KEYS lacks key {chain[-1].key_id}, which signed the trail last."
    if newest:
        yield "The copy outside knows a signing key of the trail that was introduced after this backup."


def vault(workspaces: Iterator[Workspace]) -> Iterator[str]:
    """Every key of every workspace is unwrapped once: so the root key is the one of this backup."""
    if not settings.GALAXY_KMS:
        yield "The vault was not looked at: this command was given no root key. Give it GALAXY_KMS."
        return
    forget_keys()
    for workspace in workspaces:
        for key in WorkspaceKey.objects.in_workspace(workspace).exclude(wrapped=None):
            try:
                unwrapped(key)
            except (DomainError, ImproperlyConfigured) as error:
                yield f"Key {key.version} of {workspace.slug} does not open, so its secrets do not either: {error}"
    forget_keys()


def second_factors() -> Iterator[str]:
    """One of them is opened, for all were sealed with the same key or one before it."""
    row = Authenticator.objects.filter(type=Authenticator.Type.TOTP).order_by("-pk").first()
    if row is None:
        return
    try:
        MFAAdapter().decrypt(row.data["secret"])
    except DomainError as error:
        yield f"People's second factors do not open ({error}) SECRET_KEY and GALAXY_ACCOUNTS_KEY are not the backup's."


def keys(anchors: Anchors, workspaces: Callable[[], Iterator[Workspace]]) -> Iterator[str]:
    yield from keys_of_trail(anchors)
    yield from vault(workspaces())
    yield from second_factors()
    for check in _added:
        yield from check()


def losses(workspaces: Iterator[Workspace], anchors: Anchors) -> dict[UUID, Loss]:
    return {one.pk: loss for one in workspaces if (loss := loss_of(one, anchors))}


_WALLED = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped
"""
_WALLS = [
    (
        f"{_WALLED} AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy"
        " WHERE polrelid = c.oid))",
        "Row-level security is not in force on {}.",
    ),
    (
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'S') AND relnamespace = 'public'::regnamespace"
        " AND relowner <> current_user::regrole",
        "The owner's role does not own {}.",
    ),
    (
        "SELECT proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prosecdef"
        " AND proowner NOT IN (current_user::regrole, %(rollup)s::regrole)",
        "Somebody else owns functions that look across walls: {}.",
    ),
    (
        "SELECT relname FROM pg_class WHERE relname IN ('core_auditevent', 'core_auditdetail', 'core_auditleaf',"
        " 'core_auditcheckpoint') AND has_table_privilege(%(app)s, oid, 'UPDATE, DELETE, TRUNCATE')",
        "The application's role may change {}.",
    ),
    (
        "SELECT relname FROM pg_class WHERE relname IN ('core_user', 'core_auditevent', 'django_session') AND NOT"
        " has_table_privilege(%(app)s, oid, 'SELECT')",
        "The application's role may not read {}: the dump was restored without privileges.",
    ),
    (
        "SELECT c.relname FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' AND"
        " has_table_privilege(%(app)s, c.oid, 'SELECT, INSERT, UPDATE, DELETE')",
        "The application's role comes past the parent at {}.",
    ),
    (
        "SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE t.tgenabled = 'D' AND c.relnamespace = 'public'::regnamespace",
        "Triggers are switched off on {}.",
    ),
    (
        "SELECT rolname FROM pg_roles WHERE rolname IN (%(app)s, current_user) AND (rolsuper OR rolbypassrls)",
        "{} passes row-level security by.",
    ),
]
