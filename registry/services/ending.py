"""What holders of a deprecated version are told, and what becomes of them on its last day: moved or paused, and told.

Sweeps, safe to run as often as one likes. Whether a move is safe a higher floor proves, by what was called here before
(sandbox.upgrades); where nobody can say, it is not.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import DomainError
from galaxy.core.models import User
from galaxy.core.notifications import notify
from galaxy.core.permissions import NotGranted, holders_of
from galaxy.core.sweeps import apart
from registry.dependants import PACK, seen_by, unseen
from registry.models import EndNotice, Installation, Version
from registry.reach import holders_of_versions
from registry.services.installing import needed_by
from registry.services.moving import move_as_policy, widening_of

NOTICES = (90, 60, 30, 7, 1)  # days before the last one


@dataclass(frozen=True)
class Proof:
    """Whether moving an installation to a version breaks nothing that was called here, and ``why`` in sentences."""

    is_safe: bool
    why: tuple[str, ...] = ()


class Answer:
    """What a prover gives has these two."""

    is_safe: bool
    why: Iterable[str]


Prover = Callable[[Installation, Version], Proof | Answer]
_provers: list[Prover] = []


def register_prover(prover: Prover) -> None:
    """Say who proves that a move is safe; once, when the app is ready."""
    _provers[:] = [prover]


def notice_due(days_left: int) -> int | None:
    """Which of NOTICES is due with so many days left: the least that is not below; None before the first."""
    return min((days for days in NOTICES if days >= days_left), default=None)


def tell_of_endings(now: datetime | None = None) -> int:
    """Tell every holder of a version that ends how long it has left, each of NOTICES once; returns how many."""
    today, told = (now or timezone.now()).date(), 0
    for version, ends_on in _ending():
        days = notice_due((ends_on - today).days)
        if ends_on <= today or days is None:
            continue
        for workspace_id, installation_id in holders_of_versions([version.pk]):
            with apart("tell_of_endings", workspace_id, installation=installation_id), transaction.atomic():
                told += _tell(version, ends_on, installation_id, days)
    return told


def end_versions(now: datetime | None = None) -> int:
    """On the last day and after it: move what holds the version on, or pause it; returns how many were."""
    now, ended = now or timezone.now(), 0
    for version in (version for version, ends_on in _ending() if ends_on <= now.date()):
        for workspace_id, installation_id in holders_of_versions([version.pk]):
            with apart("end_versions", workspace_id, installation=installation_id):
                ended += _end(version, installation_id, now)
    return ended


def affected_packs(installation: Installation) -> list[tuple[Installation, User]]:
    """The installed packs that need it, and who installed each: whom its end concerns."""
    return [(pack, pack.installed_by) for pack in needed_by(installation)]


def _ending() -> list[tuple[Version, date]]:
    """Every deprecated version that has a last day, with it."""
    rows = Version.objects.filter(status=Version.Status.DEPRECATED).select_related("extension", "successor")
    return [(row, row.ends_on) for row in rows.defer("manifest", "successor__manifest") if row.ends_on]


def _tell(version: Version, ends_on: date, installation_id: UUID, days: int) -> int:
    installation = _held(version, installation_id)
    if installation is None:
        return 0
    _, is_new = EndNotice.objects.get_or_create(
        workspace=installation.workspace,
        installation=installation,
        version=version,
        days=days,
        ends_on=ends_on,
    )
    if not is_new:
        return 0
    packs = affected_packs(installation)
    instead = f" Move to {version.successor.number}." if version.successor else ""
    for used, people in _by_what_they_see(installation, packs).items():
        note = f"{version.number} ends on {ends_on:%d %B %Y}.{instead}{used} “{version.retire_reason}”"
        notify(installation.workspace, people, "version_ending", installation, note=note)
    facts = {"version": version.number, "ends_on": str(ends_on), "days": days}
    audit.record("version.ending_told", actor=None, target=installation, after=facts)
    return 1


def _end(version: Version, installation_id: UUID, now: datetime) -> int:
    installation = _held(version, installation_id)
    if installation is None or installation.paused_at:
        return 0
    why = _why_not_moved(installation, version)
    if version.successor and not why:
        try:
            return _moved(installation, version, version.successor)
        except (DomainError, NotGranted, IntegrityError) as error:
            why = str(error)
    with transaction.atomic():
        return _paused(installation, version, why, now)


def _why_not_moved(installation: Installation, version: Version) -> str:
    """Why it is not moved on by itself, in a sentence; "" where it is proven safe and asks for nothing new."""
    successor = version.successor
    if successor is None:
        return "Its publisher names no successor."
    if successor.status != Version.Status.PUBLISHED or successor.quarantine:
        return f"Its successor {successor.number} can not be installed."
    if wider := widening_of(installation, successor.parsed).words:
        return f"Its successor {successor.number} asks for more: {', '.join(wider)}."
    if not _provers:
        return f"Nobody can prove that {successor.number} is safe here."
    try:
        proof = _provers[0](installation, successor)
    except DomainError as error:  # it could not be tried
        return str(error)
    return "" if proof.is_safe else " ".join(proof.why) or f"{successor.number} is not proven safe here."


def _moved(installation: Installation, version: Version, successor: Version) -> int:
    """In the name of who pinned it; Galaxy acts."""
    by = installation.pin.pinned_by
    reason = f"{version.number} came to its end; {successor.number} is proven safe by what was called here."
    move_as_policy(installation, version=successor, actor=by, chain=Actor.of(None), keeps=False, reason=reason[:300])
    notify(installation.workspace, _people(installation), "version_ended_moved", installation, note=reason)
    return 1


def _paused(installation: Installation, version: Version, why: str, now: datetime) -> int:
    said = f"{version.number} came to its end on {version.ends_on:%d %B %Y}. {why}"[:500]
    rows = Installation.objects.active().filter(pk=installation.pk, paused_at=None, pin__version=version)
    if not rows.update(paused_at=now, paused_reason=said):
        return 0
    facts = {"version": version.number, "digest": version.digest}
    audit.record("installation.paused", actor=None, target=installation, after=facts, reason=said)
    packs = affected_packs(installation)
    notify(installation.workspace, _people(installation, packs), "installation_paused", installation, note=said)
    return 1


def _held(version: Version, installation_id: UUID) -> Installation | None:
    rows = Installation.objects.active().filter(pk=installation_id, pin__version=version)
    return rows.select_related("workspace", "extension", "pin__version", "pin__pinned_by").first()


def _by_what_they_see(installation: Installation, packs: list[tuple[Installation, User]]) -> dict[str, list[User]]:
    """Whom it concerns, by the sentence on which packs use it as each may read it."""
    found: dict[str, list[User]] = defaultdict(list)
    for person in _people(installation, packs):
        seen = seen_by(person, {pack.pk for pack, _ in packs}, installation.workspace)
        names = [str(pack) for pack, _ in packs if pack.pk in seen]
        if hidden := len(packs) - len(names):
            names.append(unseen(PACK, hidden))
        found[f" Used by {', '.join(names)}." if names else ""].append(person)
    return found


def _people(installation: Installation, packs: list[tuple[Installation, User]] | None = None) -> QuerySet[User]:
    """Who installs there, and whose packs need it."""
    owners = {owner.pk for _, owner in packs or affected_packs(installation)}
    there = holders_of(installation.workspace, "install_extension")
    return User.objects.filter(pk__in=owners | set(there.values_list("pk", flat=True)))
