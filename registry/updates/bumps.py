"""How big a step a release is, by its number alone."""

from enum import IntEnum

from registry.compat import step
from registry.compat.numbers import is_release
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
    """The step from ``before`` to ``after``, SemVer numbers both, as publishers are held to it (registry.compat): below
    1.0.0 the middle number breaks and the last one may add, so that no step there counts as a fix."""
    return Bump[step(before, after).upper()]


def is_pre_release(number: str) -> bool:
    return not is_release(number)
