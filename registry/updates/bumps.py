"""How big a step a release is, by its number alone."""

from enum import IntEnum

from semantic_version import Version as Number

from registry.models import UpdatePolicy


class Bump(IntEnum):
    """Smallest first, so that steps compare. ``label`` is a word for people."""

    PATCH = 1
    MINOR = 2
    MAJOR = 3

    @property
    def label(self) -> str:
        return {Bump.PATCH: "Fix", Bump.MINOR: "Addition", Bump.MAJOR: "Break"}[self]


MOST = {
    UpdatePolicy.OFF: 0,
    UpdatePolicy.PATCH: Bump.PATCH,
    UpdatePolicy.MINOR: Bump.MINOR,
    UpdatePolicy.LATEST: Bump.MAJOR,
}


def bump_between(before: str, after: str) -> Bump:
    """The step from ``before`` to ``after``, SemVer numbers both. Below 1.0.0 anything may change with the middle
    number (semver.org, section 4), so that step counts as a break and only the last one as a fix."""
    old, new = Number(before), Number(after)
    if old.major != new.major or (new.major == 0 and old.minor != new.minor):
        return Bump.MAJOR
    return Bump.MINOR if old.minor != new.minor else Bump.PATCH


def is_pre_release(number: str) -> bool:
    return bool(Number(number).prerelease)
