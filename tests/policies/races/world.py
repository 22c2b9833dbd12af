"""A call that needs a yes, everything that may happen to it, and those things happening at once."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from galaxy.core.models import SavedView, Workspace
from galaxy.core.notifications import sending
from galaxy.core.permissions import grant, revoke
from galaxy.core.scope import workspace_scope
from policies import subjects
from policies.bound import digest_of
from policies.models import Approval, Delegation
from policies.rules.asks import Ask, Stage
from policies.services.approvals import (
    consume,
    decide_approval,
    expire_approvals,
    narrow,
    request_approval,
    withdraw_approval,
)
from registry.models import Pin
from tests.extensions import PROBE, installed
from tests.factories import make_members, make_people, make_workspace
from tests.policies.races.interleaving import Interleaver
from tests.policies.races.verdicts import Tally, broken_rules

FEWEST, MOST = 3, 6  # acts at once


class World:
    """What is called, as it is at any moment: rows that acts change and that a use looks at in its transaction."""

    def __init__(self, workspace: Any, installation: Any, people: dict[str, Any]):
        self.workspace, self.installation, self.people = workspace, installation, people
        self.lost_grant = False
        self.digests = [f"{number:064x}" for number in (1, 2)]  # of two versions

    def prepare(self, seed: int, rng: random.Random) -> "Schedule":
        """A fresh request for a fresh call; grants and version as at the beginning."""

        if self.lost_grant:
            grant("core.decide_approval", self.people["ada"], self.workspace)
            self.lost_grant = False
        Pin.objects.filter(installation=self.installation).update(digest=self.digests[0])
        # A row that stands for the run: the inputs, and the approval it waits for.
        call = SavedView.objects.create(
            workspace=self.workspace, user=self.people["requester"], page="race", name=str(seed), query="{}"
        )
        needed = rng.choice([1, 1, 2])
        schedule = Schedule(self, call.pk, needed)
        approval = schedule.ask({"inputs": 400}, Ask(stages=(Stage("approvers", needed),), second_factor=False))
        schedule.first = approval.pk
        for name in rng.sample(["ada", "bo"], rng.choice([0, 0, needed - 1, needed])):  # some begin half-way, or done
            decide_approval(approval, reviewer=self.people[name], decision="approved", digest=approval.digest)
        return schedule

    def bound(self, inputs: Any) -> dict[str, Any]:
        """The parts as they are now, by rows read now."""

        return {
            "inputs": inputs,
            "version": Pin.objects.values_list("digest", flat=True).get(installation=self.installation),
            "policy_version": Workspace.objects.values_list("policy_version", flat=True).get(pk=self.workspace.pk),
            "requester": str(self.people["requester"].pk),
        }


class Schedule:
    """One request, the acts that may happen to it, and the judgement over what did."""

    def __init__(self, world: World, call: UUID, needed: int):
        self.world, self.call, self.needed = world, call, needed
        self.first: UUID | None = None
        self.executed: list[tuple[UUID, str]] = []  # (approval, digest of what was done)

    # --- Acts ---

    def acts(self) -> dict[str, Callable[[], Any]]:
        return {
            "ada approves": lambda: self._vote("ada", "approved"),
            "bo approves": lambda: self._vote("bo", "approved"),
            "ada approves again": lambda: self._vote("ada", "approved"),
            "bo rejects": lambda: self._vote("bo", "rejected"),
            "the requester approves": lambda: self._vote("requester", "approved"),
            "the requester's delegate approves": lambda: self._vote("delegate", "approved"),
            "the author approves": lambda: self._vote("author", "approved"),
            "withdrawn": self._withdraw,
            "its time ends": self._end,
            "swept": self._sweep,
            "bo narrows": self._narrow,
            "inputs change": lambda: self._write(inputs=500),
            "rules change": self._change_rules,
            "version rolled back": self._roll_back,
            "ada loses her grant": self._revoke,
            "one worker uses it": self._use,
            "another worker uses it": self._use,
        }

    def ask(self, content: dict[str, Any], ask: Any, **fields: Any):

        bound = self.world.bound(content["inputs"])
        approval = request_approval(
            self.world.workspace,
            subject_kind="race",
            subject_id=self.call,
            bound=bound,
            summary="Mail some people",
            facts={},
            requested_by=self.world.people["requester"],
            version_author=self.world.people["author"],
            ask=ask,
            installation=self.world.installation,
            records=content["inputs"],
            **fields,
        )
        self._store(content | {"approval": str(approval.pk)})
        return approval

    def narrowed(self, approval: Any, reviewer: Any, values: dict[str, Any]):
        """What policies.subjects calls: the call's row first, as calling it off would lock it, then the request."""

        self._read(locked=True)
        return self.ask(values, Ask(stages=(Stage("approvers", self.needed),)), narrowed_from=approval)

    def _vote(self, name: str, decision: str):

        approval = self._approval(self.first)
        return decide_approval(
            approval, reviewer=self.world.people[name], decision=decision, note="Because", digest=approval.digest
        )

    def _withdraw(self):

        return withdraw_approval(self._approval(self.first), actor=self.world.people["requester"])

    def _end(self) -> None:

        rows = Approval.objects.filter(subject_id=self.call)
        rows.filter(status="pending").update(expires_at=Now())
        # The database holds that an approval was decided before its end, so one that was ends a moment after that.

        rows.filter(status="approved").update(expires_at=F("decided_at") + timedelta(microseconds=1))

    def _sweep(self) -> int:

        return expire_approvals()

    def _narrow(self):

        approval = self._approval(self.first)
        bo = self.world.people["bo"]
        return narrow(approval, reviewer=bo, digest=approval.digest, values={"inputs": 40})

    def _write(self, **changes: Any) -> None:

        with transaction.atomic():
            self._store(self._read(locked=True) | changes)

    def _change_rules(self) -> None:

        Workspace.objects.filter(pk=self.world.workspace.pk).update(policy_version=F("policy_version") + 1)

    def _roll_back(self) -> None:

        Pin.objects.filter(installation=self.world.installation).update(digest=self.world.digests[1])

    def _revoke(self) -> None:

        self.world.lost_grant = True
        revoke("core.decide_approval", self.world.people["ada"], self.world.workspace)

    def _use(self) -> None:
        """As the gate's claim: one transaction locks the call, looks at the world again and consumes."""

        with transaction.atomic():
            content = self._read(locked=True)
            bound = self.world.bound(content["inputs"])
            approval = self._approval(content["approval"])
            consume(approval, digest=self.claimed(approval, bound), bound=bound)
        self.executed.append((approval.pk, digest_of(bound)))

    def claimed(self, approval: Approval, bound: dict[str, Any]) -> str:
        """What the gate says it is about to do: what the rows say now."""
        return digest_of(bound)

    def _approval(self, pk: Any):

        return Approval.objects.select_related("workspace").get(pk=pk)

    def _read(self, *, locked: bool = False) -> dict[str, Any]:

        rows = SavedView.objects.select_for_update() if locked else SavedView.objects
        return json.loads(rows.get(pk=self.call).query)

    def _store(self, content: dict[str, Any]) -> None:

        SavedView.objects.filter(pk=self.call).update(query=json.dumps(content))


def play(world: World, count: int, first: int = 0, among: Sequence[str] = ()) -> Tally:
    """Play ``count`` schedules, of seeds from ``first`` on; those that were played, where somebody breaks it off.

    Acts are drawn from all that there are, or from ``among``.
    """

    tally = Tally()
    current: dict[str, Schedule] = {}
    subjects.register(
        "race", subjects.Subject("race", lambda approval: None, narrow=lambda *args: current["one"].narrowed(*args))
    )
    try:
        with Interleaver(MOST, lambda: workspace_scope([world.workspace.pk])) as together:
            for seed in range(first, first + count):
                rng = random.Random(seed)
                schedule = current["one"] = world.prepare(seed, rng)
                acts = schedule.acts()
                names = sorted(among or acts)
                chosen = rng.sample(names, min(rng.randint(FEWEST, MOST), len(names)))
                played = together.play([(name, acts[name]) for name in chosen], rng)
                tally.schedules += 1
                for one in played:
                    came = "done" if one.is_done else type(one.error).__name__
                    tally.seen[f"{one.name}: {came}"] += 1
                for rule in set(broken_rules(schedule, played)):
                    tally.broken.setdefault(rule, []).append(seed)
    except KeyboardInterrupt:
        pass
    finally:
        subjects._subjects.pop("race")
    return tally


@contextmanager
def without_mail() -> Iterator[None]:
    """News is written, and no worker told: mails are another matter, and a broker would set the pace."""

    ring, sending._ring = sending._ring, lambda *args: None
    try:
        yield
    finally:
        sending._ring = ring


def make_world() -> World:
    """Meridian, with everybody whom the acts need."""

    names = ["owner", "requester", "ada", "bo", "delegate", "author"]
    people = dict(zip(names, make_people(*(name.title() for name in names)), strict=True))
    workspace = make_workspace("Races", {"owner": people["owner"]})
    with workspace_scope([workspace.pk]):
        for name, role in (("requester", "member"), ("ada", "member"), ("bo", "member")):
            make_members(workspace, {role: people[name]}, actor=people["owner"])
        for name in ("delegate", "author"):
            make_members(workspace, {"approver": people[name]}, actor=people["owner"])
        now = timezone.now()
        Delegation.objects.create(
            workspace=workspace,
            giver=people["requester"],
            taker=people["delegate"],
            starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(days=1),
        )
        for name in ("ada", "bo"):
            grant("core.decide_approval", people[name], workspace)
        installation = installed(workspace, people["owner"], PROBE)[0]
    return World(workspace, installation, people)
