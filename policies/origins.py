"""Where a decision came from: pages of higher floors, which say at start-up how to find them."""

from collections.abc import Callable
from dataclasses import dataclass

from galaxy.core.models import User
from policies.models import Approval, Decision


@dataclass(frozen=True)
class Origin:
    label: str
    url: str


Finder = Callable[[Decision, User], Origin | None]
_finders: list[Finder] = []


def add_finder(finder: Finder) -> None:
    """``finder(decision, reader)`` gives the page of what was decided about, None where it is none of theirs."""
    if finder not in _finders:
        _finders.append(finder)


def origins_of(decision: Decision, reader: User) -> list[Origin]:
    """What was asked, and the requests that came of it, as far as the reader may see them."""
    found = [origin for finder in _finders if (origin := finder(decision, reader))]
    seen = Approval.objects.in_workspace(decision.workspace).visible_to(reader, decision.workspace)
    for approval in seen.filter(decision=decision).select_related("workspace")[:5]:
        found.append(Origin(f"Request: {approval.summary}", approval.get_absolute_url()))
    return found
