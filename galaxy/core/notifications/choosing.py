"""What each person chose: which news reaches them by mail and by webhook, and at what hours."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from galaxy.core.models import NewsSettings, User, Workspace
from galaxy.core.notifications.kinds import Kind, kind_of, kinds

NOW, DIGEST, OFF = "now", "digest", "off"
WAYS = {NOW: "At once", DIGEST: "In my digest", OFF: "Not by mail"}
_STORED: dict[Any, str] = {True: NOW, False: OFF, DIGEST: DIGEST}


@dataclass(frozen=True)
class Choices:
    """One person's choices for one workspace; ``mails`` and ``hooks`` are what they chose for it alone."""

    user: User
    mails: dict[str, str] = field(default_factory=dict)
    hooks: dict[str, bool] = field(default_factory=dict)
    digest_off: bool = False

    def mail(self, kind: str) -> str:
        """NOW, DIGEST or OFF. A kind that cannot be switched off is NOW."""
        known = kind_of(kind)
        if known.fixed:
            return NOW
        found = self.mails.get(kind) or account_mail(self.user, known)
        return NOW if known.own_mail and found == DIGEST else found  # the act sends it, and has no digest

    def hook(self, kind: str) -> bool:
        """Whether it goes to their webhook; where they chose nothing, what goes out by mail goes there as well."""
        known = kind_of(kind)
        return bool(known.fixed) or bool(self.hooks.get(kind, known.by_mail))

    def quiet_until(self, now: datetime) -> datetime | None:
        """When their quiet hours end, where ``now`` lies in them."""
        start, end = self.user.quiet_from, self.user.quiet_until
        if start is None or end is None or start == end:
            return None
        hour = now.astimezone(zone_of(self.user)).hour
        is_quiet = start <= hour < end if start < end else hour >= start or hour < end
        return next_at(self.user, now, end) if is_quiet else None

    def next_digest(self, now: datetime) -> datetime:
        """When their next digest goes out, after ``now``."""
        day = self.user.digest_day if self.user.digest_every == User.Digest.WEEKLY else None
        return next_at(self.user, now, self.user.digest_hour, day)


def account_mail(user: User, kind: Kind) -> str:
    """What their account says of mails of ``kind``, in every workspace: NOW, DIGEST or OFF."""
    return _STORED.get(user.mail_choices.get(kind.name, kind.by_mail), OFF)


def choices_in(workspace: Workspace, people: Iterable[User]) -> dict[UUID, Choices]:
    """The choices of each of ``people``, by id; one query."""
    found = {user.pk: user for user in people}
    rows = {row.person_id: row for row in NewsSettings.objects.in_workspace(workspace).filter(person__in=found)}
    return {pk: _of(user, rows.get(pk)) for pk, user in found.items()}


def choices_of(user: User, workspace: Workspace) -> Choices:
    return choices_in(workspace, [user])[user.pk]


def wants_mail(user: User, kind: str, workspace: Workspace) -> bool:
    """Whether the act that has news of ``kind`` mails it to ``user``."""
    return choices_of(user, workspace).mail(kind) != OFF


def choose_in(
    workspace: Workspace, user: User, *, mails: dict[str, str], hooks: dict[str, bool], digests: bool = True
) -> NewsSettings:
    """Keep what ``user`` chose for ``workspace``: only what is other than without it, so that the rest follows."""
    account = Choices(user)
    known = [kind for kind in kinds() if not kind.fixed]
    kept = {
        "mail": {kind.name: mails[kind.name] for kind in known if mails.get(kind.name) in WAYS},
        "hook": {
            kind.name: hooks[kind.name]
            for kind in known
            if kind.name in hooks and hooks[kind.name] != account.hook(kind.name)
        },
        "digest_off": not digests,
    }
    row, _ = NewsSettings.objects.update_or_create(workspace=workspace, person=user, defaults=kept)
    return row


def next_at(user: User, after: datetime, hour: int, day: int | None = None) -> datetime:
    """The next full ``hour`` of their day (or of weekday ``day``, 0 is Monday) after ``after``, in UTC's terms.

    An hour that a change of the clocks leaves out comes an hour later, and one that it repeats comes once.
    """
    zone = zone_of(user)
    local = after.astimezone(zone)
    for days in range(9):
        date = local.date() + timedelta(days=days)
        if day is not None and date.weekday() != day:
            continue
        moment = datetime.combine(date, time(hour), tzinfo=zone)
        if moment.timestamp() > after.timestamp():
            return datetime.fromtimestamp(moment.timestamp(), tz=after.tzinfo)
    raise AssertionError("A week has each of its days.")


def zone_of(user: User) -> ZoneInfo:
    return ZoneInfo(user.time_zone)


def _of(user: User, row: NewsSettings | None) -> Choices:
    return Choices(user, row.mail, row.hook, row.digest_off) if row else Choices(user)
