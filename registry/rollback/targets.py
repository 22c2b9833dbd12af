"""Which versions an installation may be rolled back to, and why not to another."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from registry.models import Installation, Version
from registry.reading import PinState, pin_states


@dataclass(frozen=True)
class Refused:
    """Why nobody goes back to a version, in a sentence, and ``instead`` the nearest good one, if there is any."""

    sentence: str
    instead: Version | None

    @property
    def whole(self) -> str:
        if self.instead is None:
            return f"{self.sentence} There is no other version to go back to."
        return f"{self.sentence} The nearest good version is {self.instead.number}."


def held_before(installation: Installation) -> list[Version]:
    """Every version it was held at before the one of now, the latest first, each once; with their extension."""
    return _others(pin_states(installation), installation)


def targets_of(installation: Installation) -> list[Version]:
    """What it may be asked to go back to: every version it was held at, then older releases, the newest first."""
    before = held_before(installation)
    known = {version.pk for version in before} | {installation.pin.version_id}
    older = Version.objects.filter(extension=installation.extension_id, sort_key__lt=installation.pin.version.sort_key)
    return [*before, *older.exclude(pk__in=known).select_related("extension")]


def version_to_ask_for(installation: Installation, digest: str) -> Version | None:
    """The version of that digest to which somebody may ask that it be moved: one that may be installed, or one that it
    may go back to."""
    rows = Version.objects.installable().filter(extension=installation.extension_id).select_related("extension")
    if found := rows.of_digest(digest).first():
        return found
    return next((one for one in targets_of(installation) if one.digest == digest and not why_never(one)), None)


def last_good(installation: Installation, now: datetime | None = None) -> Version | None:
    """The version it was held at last that it may go back to."""
    return first_good(pin_states(installation), installation, now)


def first_good(states: list[PinState], installation: Installation, now: datetime | None = None) -> Version | None:
    """The same by ``states``, where they are at hand."""
    return next((version for version in _others(states, installation) if not why_never(version, now)), None)


def why_never(version: Version, now: datetime | None = None) -> str:
    """Why nothing goes back to ``version``, in a sentence; "" where it may. A deprecated one may until its end."""
    reason = getattr(version, "yank_reason", "") or getattr(version, "retire_reason", "")
    said = f" “{reason}”" if reason else ""
    if version.status == Version.Status.YANKED or getattr(version, "yanked_at", None):
        return f"{version} was yanked by its publisher.{said}"
    if getattr(version, "quarantine", ""):
        return f"{version} is in quarantine."
    ends_on = getattr(version, "ends_on", None)
    if ends_on and ends_on <= (now or timezone.now()).date():
        return f"{version} came to its end on {ends_on:%d %B %Y}."
    return ""


def refusal_of(installation: Installation, version: Version, now: datetime | None = None) -> Refused | None:
    """Why ``installation`` does not go back to ``version``; None where it may."""
    sentence = why_never(version, now)
    return Refused(sentence, nearest_good(installation, version, now)) if sentence else None


def nearest_good(installation: Installation, version: Version, now: datetime | None = None) -> Version | None:
    """The newest version below ``version`` that may be gone back to, else the oldest above it that is not held now."""
    good = [one for one in targets_of(installation) if one.pk != version.pk and not why_never(one, now)]
    below = [one for one in good if one.sort_key < version.sort_key]
    above = [one for one in good if one.sort_key > version.sort_key]
    return max(below, key=lambda one: one.sort_key, default=None) or min(
        above, key=lambda one: one.sort_key, default=None
    )


def _others(states: list[PinState], installation: Installation) -> list[Version]:
    held = installation.pin.version_id
    return list({state.version.pk: state.version for state in states if state.version.pk != held}.values())
