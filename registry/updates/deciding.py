"""Whether a release is taken, and when: rules alone, and no I/O. The table of it stands in docs/updates.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from registry.models import UpdatePolicy
from registry.updates.bumps import MOST, Bump
from registry.updates.windows import Window


class State(StrEnum):
    """What comes of a release. The first that applies is told, in this order."""

    OFF = "off"  # nothing is taken by itself
    HELD = "held"  # somebody holds the installation where it is
    ROLLING_OUT = "rolling_out"  # a roll-out is under way
    PRE_RELEASE = "pre_release"  # what is in use is a pre-release, which is moved by hand
    BEYOND = "beyond"  # a bigger step than the policy takes
    HINDERED = "hindered"  # something here would not run with it
    CONSENT = "consent"  # it asks for more than was agreed to
    RULED = "ruled"  # a rule of the workspace wants a yes first, or forbids it (registry.updates.ruling)
    WAITING = "waiting"  # it has not been out for long enough
    WINDOW = "window"  # it is taken when the window opens
    DUE = "due"  # it is taken now

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    State.OFF: "By hand",
    State.HELD: "Held",
    State.ROLLING_OUT: "Rolling out",
    State.PRE_RELEASE: "By hand",
    State.BEYOND: "Bigger step",
    State.HINDERED: "Something needs the old one",
    State.CONSENT: "Asks for more",
    State.RULED: "A rule stops it",
    State.WAITING: "Waiting",
    State.WINDOW: "Next window",
    State.DUE: "Now",
}


@dataclass(frozen=True)
class Rules:
    """What holds for one installation. ``hold`` and ``rolling_out`` are sentences, empty where there is none."""

    policy: str = UpdatePolicy.OFF
    waiting_days: int = 0
    window: Window = field(default_factory=Window)
    takes_code: bool = False
    hold: str = ""
    rolling_out: str = ""
    is_pre_release: bool = False


@dataclass(frozen=True)
class Release:
    """A newer version that may be installed. ``wider`` names what it asks for beyond what was agreed to, ``sends`` what
    it may be sent beyond what the one in use is: sentences and words, () where there is nothing. ``can_stay_off``: it
    is wider by scopes alone, and nothing that may run now needs them. ``hindrance`` says what here would not run with
    it.
    """

    version: Any
    number: str
    bump: Bump
    published_at: datetime
    wider: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    can_stay_off: bool = False
    hindrance: str = ""
    security_fix: str = ""
    skips_wait: bool = False


@dataclass(frozen=True)
class Verdict:
    """What comes of one release: ``why`` in sentences; ``at`` when it is taken, as things stand; ``keeps``: without the
    scopes that are new."""

    release: Release
    state: State
    why: tuple[str, ...]
    at: datetime | None = None
    keeps: bool = False


@dataclass(frozen=True)
class Decided:
    """``goal`` is what is taken next, now or later; None where nothing is. ``verdicts`` are of every release, newest
    first."""

    goal: Verdict | None
    verdicts: tuple[Verdict, ...]


def decide(rules: Rules, releases: Sequence[Release], now: datetime) -> Decided:
    """``releases`` are newest first. What can be taken now goes before what can be taken later, and the newest first;
    of what still waits, what is ready first."""
    verdicts = tuple(verdict_on(rules, one, now) for one in releases)
    for state in (State.DUE, State.WINDOW):
        for verdict in verdicts:
            if verdict.state == state:
                return Decided(verdict, verdicts)
    waiting = [one for one in verdicts if one.state == State.WAITING]
    return Decided(min(waiting, key=lambda one: _moment(one, now), default=None), verdicts)


def verdict_on(rules: Rules, release: Release, now: datetime) -> Verdict:
    number = release.number
    if why := _stands_still(rules):
        state, sentence = why
        return Verdict(release, state, (sentence,))
    if release.bump > MOST[UpdatePolicy(rules.policy)]:
        taken = UpdatePolicy(rules.policy).label.lower()
        return Verdict(release, State.BEYOND, (f"{number} is a bigger step than is taken by itself ({taken}).",))
    if release.hindrance:
        return Verdict(release, State.HINDERED, (release.hindrance,))
    keeps = rules.takes_code and release.can_stay_off and not release.sends
    if (release.wider or release.sends) and not keeps:
        more = ", ".join((*release.wider, *release.sends))
        return Verdict(release, State.CONSENT, (f"{number} asks for more than was agreed to: {more}.",))
    said: tuple[str, ...] = (f"Its new scopes stay off: {', '.join(release.wider)}.",) if release.wider else ()
    ready = now if release.skips_wait else release.published_at + timedelta(days=rules.waiting_days)
    if release.skips_wait:
        said += ("Two people agreed to take this fix without its wait.",)
    at = rules.window.next_open(max(ready, now))
    if ready > now:
        return Verdict(release, State.WAITING, (_wait_words(rules, ready - now), *said), at, keeps)
    if at > now:
        return Verdict(
            release, State.WINDOW, (f"It is taken in the next window: {rules.window.words}.", *said), at, keeps
        )
    return Verdict(release, State.DUE, ("It is taken now.", *said), now, keeps)


def _stands_still(rules: Rules) -> tuple[State, str] | None:
    """Why nothing at all is taken by itself, if nothing is."""
    if rules.policy == UpdatePolicy.OFF:
        return State.OFF, "Versions are moved by hand here."
    if rules.hold:
        return State.HELD, rules.hold
    if rules.rolling_out:
        return State.ROLLING_OUT, rules.rolling_out
    if rules.is_pre_release:
        return State.PRE_RELEASE, "What is in use is a pre-release, and those are moved by hand."
    return None


def _wait_words(rules: Rules, left: timedelta) -> str:
    days = left.days + (left > timedelta(days=left.days))
    to_go = "1 day" if days == 1 else f"{days} days"
    return f"In its {rules.waiting_days}-day wait, {to_go} to go."


def _moment(verdict: Verdict, now: datetime) -> datetime:
    return verdict.at or now
