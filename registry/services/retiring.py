"""How a publisher ends a version: deprecated with a last day, a reason, a successor; or yanked.

Whoever holds a deprecated version is told at 90, 60, 30, 7 and 1 days (registry.services.ending), and on the day it is
moved on where that is proven safe, or paused; never neither. A yanked one is installed by nobody any more, and goes on
where it is held.
"""

from datetime import date, datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Invalid
from galaxy.core.members import marketplace_workspace
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can, require
from galaxy.core.scope import scope_with
from registry.errors import AlreadyEnded, AlreadyYanked, NotDeprecated, NotPublisher
from registry.models import Extension, Version
from registry.publishers.team import is_manager
from registry.signals import installable_changed

LEAST_DAYS = 90
LONGEST_REASON, LONGEST_NOTE = 500, 4_000


@transaction.atomic
def deprecate(
    version: Version,
    *,
    ends_on: date,
    reason: str,
    actor: User,
    successor: Version | None = None,
    migration_note: str = "",
    now: datetime | None = None,
) -> Version:
    """Say that a version ends on a day (UTC), at least 90 days from now; said again, the day may only come later.

    ``successor`` is another version of the extension to move to, ``migration_note`` what has to be done for it.
    Raises NotPublisher, NotGranted, Invalid, AlreadyYanked or AlreadyEnded.
    """
    now = now or timezone.now()
    require_publisher(actor, version.extension)
    row = _locked(version)
    if row.is_yanked:
        raise AlreadyYanked(f"{row} is yanked already.")
    _require_going(row, now)
    earliest = row.ends_on or now.date() + timedelta(days=LEAST_DAYS)
    if ends_on < earliest:
        why = "at least 90 days from today" if row.ends_on is None else "the day that was announced, or a later one"
        raise Invalid(f"{ends_on:%d %B %Y} is too soon: {why}.", {"ends_on": f"The earliest is {earliest:%d %B %Y}."})
    reason, note = _reasoned(reason), migration_note.strip()
    if len(note) > LONGEST_NOTE:
        raise Invalid("The note is too long.", {"migration_note": f"At most {LONGEST_NOTE} characters."})
    if successor is not None and not _may_follow(successor, row):
        raise Invalid("That is no successor.", {"successor": "Choose another version of it that may be installed."})
    changes = {
        "status": Version.Status.DEPRECATED,
        "deprecated_at": row.deprecated_at or now,
        "ends_on": ends_on,
        "retire_reason": reason,
        "successor": successor,
        "migration_note": note,
    }
    Version.objects.filter(pk=row.pk).update(**changes)
    after = {"ends_on": ends_on.isoformat(), "successor": successor.number if successor else None}
    _record("version.deprecated", row, actor, after, reason)
    tell_installable(row)
    return _with(row, changes)


@transaction.atomic
def undo_deprecation(version: Version, *, reason: str, actor: User, now: datetime | None = None) -> Version:
    """Take it back before its last day: the version may be installed again. Raises NotPublisher, NotGranted, Invalid,
    NotDeprecated or AlreadyEnded."""
    require_publisher(actor, version.extension)
    row = _locked(version)
    if row.deprecated_at is None or row.is_yanked:
        raise NotDeprecated(f"{row} is not deprecated.")
    _require_going(row, now or timezone.now())
    reason = _reasoned(reason)
    changes = {
        "status": Version.Status.PUBLISHED,
        "deprecated_at": None,
        "ends_on": None,
        "retire_reason": "",
        "successor": None,
        "migration_note": "",
    }
    before = {"ends_on": row.ends_on.isoformat() if row.ends_on else None}
    Version.objects.filter(pk=row.pk).update(**changes)
    _record("version.undeprecated", row, actor, before, reason)
    tell_installable(row)
    return _with(row, changes)


@transaction.atomic
def yank(version: Version, *, reason: str, actor: User, now: datetime | None = None) -> Version:
    """Take a version off the list for good: nobody installs it or goes back to it, and where it is held it goes on.

    Raises NotPublisher, NotGranted, Invalid or AlreadyYanked.
    """
    require_publisher(actor, version.extension)
    row = _locked(version)
    if row.is_yanked:
        raise AlreadyYanked(f"{row} is yanked already.")
    reason = _reasoned(reason)
    changes = {"status": Version.Status.YANKED, "yanked_at": now or timezone.now(), "yank_reason": reason}
    Version.objects.filter(pk=row.pk).update(**changes)
    _record("version.yanked", row, actor, {"digest": row.digest}, reason)
    tell_installable(row)
    return _with(row, changes)


def tell_installable(version: Version) -> None:
    """Let the floors above know, once this commits, that it may be installed no more, or again."""
    send = partial(installable_changed.send_robust, sender=Version, version=version)
    transaction.on_commit(send)


def may_retire(user: User, extension: Extension) -> bool:
    """Whether ``user`` acts for who published it: what a workspace has for itself is its makers', what is public its
    publisher's managers' and the desk's."""
    if extension.workspace is not None:
        return can(user, "core.write_extension", extension.workspace)
    if extension.owner is not None and is_manager(user, extension.owner):
        return True
    desk = marketplace_workspace()
    if desk is None:
        return False
    with scope_with(desk.pk):
        return can(user, "core.review_submission", desk)


def require_publisher(user: User, extension: Extension) -> None:
    """Raises NotGranted or NotPublisher."""
    if may_retire(user, extension):
        return
    if extension.workspace is not None:
        require(user, "core.write_extension", extension.workspace)
    raise NotPublisher(f"{extension} is published by {extension.publisher}, whose managers say how its versions end.")


def trail_of(extension: Extension) -> Workspace | None:
    """The workspace in whose trail it stands what becomes of a version: its publisher's, else the desk."""
    owner = extension.owner
    return extension.workspace or (owner.workspace if owner else None) or marketplace_workspace()


def _record(action: str, version: Version, actor: User, after: dict, reason: str) -> None:
    home = trail_of(version.extension)
    if home is None:  # an installation without a desk, whose catalogue comes by command
        return
    facts = {"extension": version.extension.slug, "version": version.number, "digest": version.digest}
    with scope_with(home.pk):
        audit.record(action, actor=actor, target=home, after=facts | after, reason=reason)


def _may_follow(successor: Version, version: Version) -> bool:
    rows = Version.objects.installable().filter(extension=version.extension_id, pk=successor.pk)
    return successor.pk != version.pk and rows.exists()


def _require_going(version: Version, now: datetime) -> None:
    if version.ends_on and version.ends_on <= now.date():
        raise AlreadyEnded(f"{version} came to its end on {version.ends_on:%d %B %Y}.")


def _locked(version: Version) -> Version:
    rows = (
        Version.objects.select_for_update(of=("self",))
        .select_related("extension__workspace", "extension__owner__workspace")
        .defer("manifest")
    )
    return rows.get(pk=version.pk)


def _with(row: Version, changes: dict) -> Version:
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def _reasoned(reason: str) -> str:
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Invalid("Why?", {"reason": f"Say it in 1 to {LONGEST_REASON} characters, for those who use it."})
    return reason
