"""What comes next for an installation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from galaxy.core.models import User
from registry.models import Installation, UpdatePolicy, Version
from registry.updates.deciding import Release, Rules, State, Verdict, decide
from registry.updates.facts import Facts, facts_of


@dataclass(frozen=True)
class Plan:
    """``goal`` is what is taken next by itself, now or later, None where nothing is; ``verdicts`` are of every newer
    release, newest first; ``facts`` are what that was decided by."""

    installation: Installation
    facts: Facts
    goal: Verdict | None
    verdicts: tuple[Verdict, ...]

    @property
    def rules(self) -> Rules:
        return self.facts.rules

    @property
    def set_by(self) -> User | None:
        """Who chose the policy, and answers for what is moved by it."""
        return self.facts.set_by

    @property
    def version(self) -> Version | None:
        return self.goal.release.version if self.goal else None

    @property
    def why(self) -> tuple[str, ...]:
        return self.told.why if self.told else ()

    @property
    def at(self) -> datetime | None:
        """When it is taken, as things stand; None where nothing is."""
        return self.goal.at if self.goal else None

    @property
    def policy_label(self) -> str:
        return UpdatePolicy(self.rules.policy).label

    @property
    def is_due(self) -> bool:
        return self.goal is not None and self.goal.state == State.DUE

    @property
    def told(self) -> Verdict | None:
        """The verdict that a line about the installation tells: of what is taken next, or would be but for a rule, else
        of the newest release."""
        ruled = (one for one in self.verdicts if one.state == State.RULED)
        return self.goal or next(ruled, self.verdicts[0] if self.verdicts else None)

    @property
    def newest(self) -> Release | None:
        return self.verdicts[0].release if self.verdicts else None

    @property
    def consent(self) -> Verdict | None:
        """The newest release that waits for nothing but somebody who agrees to what it asks for."""
        return next((one for one in self.verdicts if one.state == State.CONSENT), None)

    @property
    def skippable(self) -> Verdict | None:
        """The newest fix of a security hole that is in its wait, which two people can end."""
        found = (one for one in self.verdicts if one.state == State.WAITING and one.release.security_fix)
        return next(found, None)


def plan(installation: Installation, now: datetime | None = None) -> Plan:
    """What comes next for ``installation``, which is active."""
    return plans_of([installation], now)[installation.pk]


def plans_of(installations: Sequence[Installation], now: datetime | None = None) -> dict[UUID, Plan]:
    """The same for many of one workspace, by id, in a fixed number of queries; read with ``workspace``, ``extension``
    and ``pin__version``."""
    now = now or timezone.now()
    found = facts_of(installations, now)
    plans = {}
    for one in installations:
        facts = found[one.pk]
        decided = decide(facts.rules, facts.releases, now)
        plans[one.pk] = Plan(one, facts, decided.goal, decided.verdicts)
    return plans
