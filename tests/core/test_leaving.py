"""Whoever is removed is out of every door at once: with requests under way, tokens in use, decisions and runs going on.

Real threads on connections of their own, with real commits: within one transaction nothing happens at the same time.
"""

import time
from threading import Event, Thread

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from galaxy.core.members.grants import grant_on
from galaxy.core.members.people import remove_member
from galaxy.core.models import Membership
from galaxy.core.scope import workspace_scope
from galaxy.core.tokens import create_token
from policies.models import Approval, Vote
from sandbox import tasks
from sandbox.runners.simulated import SimulatedRunner
from sandbox.services import invoke, perform
from tests.approving import enrol
from tests.extensions import PACK, PROBE, TIDY, installed

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
PATIENCE_S = 30
WITHIN_S = 1.0
ENOUGH = 5  # requests before the removal, and after it


@pytest.fixture(autouse=True)
def no_bell(monkeypatch):
    monkeypatch.setattr(tasks.perform_run, "apply_async", lambda *args, **options: None)


class Caller(Thread):
    """Asks again and again until told to stop; ``answers`` are (when it was asked, when it was answered, status)."""

    def __init__(self, ask):
        super().__init__()
        self.ask, self.answers = ask, []
        self.warm, self.done, self.stop = Event(), Event(), Event()
        self.after = float("inf")

    def run(self):
        try:
            while not self.stop.is_set():
                asked_at = time.monotonic()
                status = self.ask()
                self.answers.append((asked_at, time.monotonic(), status))
                if len(self.answers) >= ENOUGH:
                    self.warm.set()
                if sum(asked_at > self.after for asked_at, _, _ in self.answers) >= ENOUGH:
                    self.done.set()
        finally:
            connections.close_all()
            self.warm.set()
            self.done.set()


def remove(user, actor) -> None:
    remove_member(Membership.objects.select_related("workspace", "user").get(user=user), actor=actor)


@pytest.fixture
def while_asking():
    """``while_asking(act, *asks)``: lets every ask go on, does the act, and tells their answers before and after it."""
    callers = []

    def run(act, *asks):
        callers.extend(Caller(ask) for ask in asks)
        for caller in callers:
            caller.start()
        assert all(caller.warm.wait(PATIENCE_S) for caller in callers)
        begun_at = time.monotonic()
        act()
        over_at = time.monotonic()
        for caller in callers:
            caller.after = over_at
        assert all(caller.done.wait(PATIENCE_S) for caller in callers)
        finish()
        return [
            (
                {status for _, answered_at, status in caller.answers if answered_at < begun_at},
                {status for asked_at, _, status in caller.answers if asked_at > over_at},
            )
            for caller in callers
        ], over_at - begun_at

    def finish():
        for caller in callers:
            caller.stop.set()
        for caller in callers:
            caller.join(PATIENCE_S)

    yield run
    finish()


@pytest.mark.asvs("8.3.2")
def test_page_part_and_token_are_refused_from_the_removal_on(client_of, cast, workspace, while_asking):
    owner, member = cast["owner"], cast["member"]
    _, text = create_token(workspace, name="Script", permissions=["runs.read"], days=1, actor=member)
    browser, part = client_of(member), client_of(member, **{"HX-Request": "true"})
    machine = Client(headers={"Authorization": f"Bearer {text}"})
    runs = reverse("sandbox:run-list", args=[workspace.slug])
    found, took_s = while_asking(
        lambda: remove(member, owner),
        lambda: browser.get(workspace.get_absolute_url()).status_code,
        lambda: part.get(runs).status_code,
        lambda: machine.get("/api/v1/workspaces/meridian/runs/").status_code,
    )
    before, after = zip(*found, strict=True)
    assert before == ({200}, {200}, {200})
    assert after == ({404}, {404}, {401})
    assert took_s < WITHIN_S


def test_no_approval_is_decided_from_the_removal_on(client_of, cast, workspace, while_asking, monkeypatch):
    owner, approver, admin = cast["owner"], cast["approver"], cast["admin"]
    enrol(approver)
    monkeypatch.setattr("policies.views.recent_factor", lambda request: "totp")  # a delete takes one, shown lately
    installed(workspace, admin, PROBE)
    waiting = [
        invoke(workspace, actor=admin, target="probe.remove", inputs={"key": str(number)}).approval
        for number in range(40)
    ]
    browser, left = client_of(approver), iter(waiting)

    def decide() -> int:
        approval = next(left, waiting[-1])
        where = reverse("policies:approval-decision", args=[workspace.slug, approval.pk])
        sent = {"decision": "approved", "note": "", "digest": approval.digest}
        return browser.post(where, sent).status_code

    [(before, after)], _ = while_asking(lambda: remove(approver, owner), decide)
    assert (before, after) == ({302}, {404})
    decided = Vote.objects.filter(reviewer=approver).count()
    assert ENOUGH <= decided < len(waiting)
    assert Approval.objects.filter(status="approved").count() == decided, "each that counts was given before"


def test_a_pack_under_way_stops_at_its_next_step(cast, workspace, monkeypatch):
    """The step that reached its system ends; what comes after it is decided anew, and meets nobody."""
    owner, member = cast["owner"], cast["member"]
    probe = installed(workspace, owner, PROBE, TIDY, PACK)[0]
    grant_on(probe, perm="registry.write_installation", user=member, actor=owner)
    run = invoke(workspace, actor=member, target="probe.flow", inputs={"name": "Ada", "on": "3 March 2026"})
    reached = []
    attempt = SimulatedRunner.attempt

    def removed_meanwhile(runner, inputs, number):
        reached.append(inputs)
        if len(reached) == 1:
            elsewhere = Thread(target=in_a_thread, args=[workspace, lambda: remove(member, owner)])
            elsewhere.start()
            elsewhere.join(PATIENCE_S)
        return attempt(runner, inputs, number)

    monkeypatch.setattr(SimulatedRunner, "attempt", removed_meanwhile)
    perform(run.pk)
    run.refresh_from_db()
    assert not Membership.objects.filter(user=member).exists()
    assert len(reached) == 1, "the next call was made for somebody who is gone"
    assert run.state in {"failed", "cancelled"}, run.state


def in_a_thread(workspace, act) -> None:
    try:
        with workspace_scope([workspace.pk]):
            act()
    finally:
        connections.close_all()
