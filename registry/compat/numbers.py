"""Which step a number takes from another (semver.org), and the least number that takes one."""

from __future__ import annotations

from semantic_version import Version

from .reasons import LEVELS, Level


def step(before: str, after: str) -> Level:
    """The step from release ``before`` to the later release ``after``.

    In 0.y.z the y counts as major and the z as the rest, as ranges have it: ``^0.2`` takes every 0.2.z and no 0.3.0,
    so whoever wrote that range was promised as much. In 0.0.z every number is a break.
    """
    old, new = Version(before), Version(after)
    if old.major != new.major:
        return "major"
    if old.major == 0:
        if old.minor != new.minor or old.minor == 0:
            return "major"
        return "minor"
    return "minor" if old.minor != new.minor else "patch"


def is_enough(before: str, after: str, least: Level) -> bool:
    return LEVELS.index(step(before, after)) >= LEVELS.index(least)


def raised(number: str, level: Level) -> str:
    """The least release above release ``number`` whose step is at least ``level``."""
    old = Version(number)
    if level == "major" and old.major > 0:
        return f"{old.major + 1}.0.0"
    if (level == "minor" and old.major > 0) or (level == "major" and old.minor > 0):
        return f"{old.major}.{old.minor + 1}.0"
    return f"{old.major}.{old.minor}.{old.patch + 1}"


def is_release(number: str) -> bool:
    """False for a pre-release, which promises nothing (semver.org, section 9)."""
    return not Version(number).prerelease
