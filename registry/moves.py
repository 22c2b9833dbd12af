"""What higher floors have to do with a move of a pin: the report it rests on, and what goes along with it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from galaxy.core.models import User
from registry.manifests import Manifest
from registry.models import Installation, Version


@dataclass(frozen=True)
class Foresight:
    """What moving an installation to a version would mean, in sentences: ``impact`` on its callers, ``way_back``, and
    ``replayed``, what the newest report of recorded calls said ("" without one), with its address; ``url`` is where
    calls are replayed."""

    impact: str
    is_affected: bool
    way_back: str
    is_way_back: bool
    url: str
    replayed: str = ""
    report_url: str = ""


Foreseer = Callable[[Installation, Version, User], Foresight]
Reporter = Callable[[Installation, Version], UUID | None]
Fitter = Callable[[Installation, Manifest, dict[str, str], Collection[str]], None]
Carrier = Callable[[Installation, Version], dict[str, dict[str, Any]]]
Along = Callable[[Installation, Manifest, Manifest, User], None]
_reporters: list[Reporter] = []
_along: list[Along] = []
_foreseers: list[Foreseer] = []
_fitters: list[Fitter] = []
_carriers: list[Carrier] = []


def register_reporter(reporter: Reporter) -> None:
    """Say who knows the newest report about moving an installation to a version; once, when the app is ready."""
    _reporters[:] = [reporter]


def register_foreseer(foreseer: Foreseer) -> None:
    """Say who can tell what a move would mean; once, when the app is ready."""
    _foreseers[:] = [foreseer]


def foresee(installation: Installation, version: Version, user: User) -> Foresight | None:
    """As ``user`` may read it; None where nobody can tell."""
    return _foreseers[0](installation, version, user) if _foreseers else None


def register_along(along: Along) -> None:
    """Say what happens in the transaction of a move, with the manifests before and after; once."""
    if along not in _along:
        _along.append(along)


def register_fitter(fitter: Fitter) -> None:
    """Say who knows what the steps of a pack would call and are given; once, when the app is ready."""
    _fitters[:] = [fitter]


def require_fit(
    pack: Installation, manifest: Manifest, instead: dict[str, str] | None = None, but: Collection[str] = ()
) -> None:
    """Whether ``pack`` at ``manifest`` could run with what it calls now. ``instead`` are other versions of that, {slug:
    digest}; steps that call one of ``but`` are not looked at, since what they give is carried over. Raises
    MappingsUnfit."""
    for fitter in _fitters:
        fitter(pack, manifest, instead or {}, but)


def register_carrier(carrier: Carrier) -> None:
    """Say who knows how a move carries inputs over; once, when the app is ready."""
    _carriers[:] = [carrier]


def carried_in_move(installation: Installation, version: Version) -> dict[str, dict[str, Any]]:
    """By action, how inputs would be carried over: {renames: {old: new}, fills: {name: value}}."""
    return _carriers[0](installation, version) if _carriers else {}


def report_of(installation: Installation, version: Version) -> UUID | None:
    """The id of the newest report about moving it from where it is held to ``version``; None where there is none."""
    return _reporters[0](installation, version) if _reporters else None


def told_of_move(installation: Installation, before: Manifest, after: Manifest, actor: User) -> None:
    for along in _along:
        along(installation, before, after, actor)
