"""What holds for one Galaxy holds for it on two hosts, and when the cable between them is cut and put back.

Each host has its own web server, workers and sandboxd, as processes; PostgreSQL and Valkey are with the first. The long
form, `make hosts`, does more of it, and pulls the cable forty times.
"""

import http.client
import os
import random
import signal
import time

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from galaxy.celery import app
from galaxy.core.members.people import remove_member
from galaxy.core.models import AuditEvent, Membership
from galaxy.core.scope import workspace_scope
from galaxy.core.tokens import create_token, revoke_token
from registry.models import Connection
from registry.services.quarantining import quarantine
from sandbox.breakers import trip_breaker
from sandbox.models import Breaker, Run
from sandbox.services import invoke
from tests.connections import API, LOGIN
from tests.core.egress.peers import Authority
from tests.extensions import installed
from tests.hosts.galaxies import DEADLINE_S, LEASE_S, TwoHosts
from tests.hosts.network import NoNamespaces
from tests.refresh_race import connected, end_token
from tests.ruling import put_in_force
from tests.token_endpoint import RotatingVendor

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
IS_LONG = os.environ.get("GALAXY_TRY_HOSTS") == "1"  # make hosts: for minutes
CUTS = int(os.environ.get("GALAXY_CUTS", "2"))
SEED = 9
UNHEALTHY_WITHIN_S = 40.0  # SILENT_S, and what the pool of connections waits; TCP by itself would take minutes
SWALLOWS_S = 1.1  # for so long Valkey gives a task to a worker that was killed as it waited: one BRPOP of kombu's
ALLOWED = 6  # calls a minute of the metered connector
_FAILING = '"401": { status: 401 }, "429": { status: 429 }, "5xx": { status: 502 }'
_FIXTURES = f"{{ happy: {{ status: 200, body: {{ id: x1 }} }}, {_FAILING} }}"
PLAIN = ""
LIMITS = {
    "metered": f"rate_limits: {{ rpm: {ALLOWED}, when_spent: refuse }}",
    "narrow": "rate_limits: { concurrency: 1 }",
    "fused": "breaker: { threshold: 50, samples: 4, window_s: 60, rest_s: 60 }",
    "held": PLAIN,
    "plain": PLAIN,
}


def host_of(name: str) -> str:
    return f"api.{name}.example"


def connector(name: str, limits: str) -> str:
    def action(id: str, *more: str, method: str = "POST") -> str:
        lines = "".join(f"\n    {line}" for line in more)
        return f"""
  - id: {id}
    method: {method}
    path: /{id}/{{key}}
    inputs: {{ key: string }}
    outputs: {{ id: string }}
    scopes: [things.{"read" if method == "GET" else "write"}]{lines}
    simulation: {{ answer: {{ id: "'s'" }} }}
    fixtures: {_FIXTURES}"""

    return f"""
connector: {name}
version: 1.0.0
name: {name.capitalize()}
summary: A made-up system.
auth: {{ type: none }}
base_url: https://{host_of(name)}
egress: [{{ host: {host_of(name)} }}]
permissions: {{ required: [things.read, things.write] }}
retry: {{ strategy: none }}
{limits}
actions:{action("look", method="GET")}{action("post")}{action("book", "idempotency_header: Idempotency-Key")}
"""


class Stage:
    """The cast on two hosts."""

    def __init__(self, cast, hosts: TwoHosts, vendor: RotatingVendor):
        self.cast, self.hosts, self.outside, self.vendor = cast, hosts, hosts.outside, vendor
        self.workspace, self.admin = cast["meridian"], cast["admin"]

    def ask(self, target: str, count: int = 1) -> list[Run]:
        mark = f"{target.partition('.')[0]}-{time.monotonic_ns()}"
        inputs = [{"key": f"{mark}-{number}"} for number in range(count)]
        return [invoke(self.workspace, actor=self.admin, target=target, inputs=one) for one in inputs]

    def over(self, runs: list[Run]) -> list[Run]:
        found = Run.objects.filter(pk__in=[run.pk for run in runs])
        self.hosts.until(lambda: not found.filter(finished_at=None).exists())
        return list(found.order_by("created_at"))

    def done(self, target: str) -> Run:
        return self.over(self.ask(target))[0]

    def at_work(self, *names: str) -> None:
        """Have a worker on each host of ``names``, and none elsewhere; two of them have both done something."""
        for host in (self.hosts.a, self.hosts.b):
            host.workers.kill_all()
        for name in names:
            getattr(self.hosts, name).workers.start()
        time.sleep(SWALLOWS_S)
        if len(names) > 1:
            self.outside.forget(slow_s=0.1)
            deadline = time.monotonic() + DEADLINE_S
            while self.outside.through() != ["A", "B"]:
                assert time.monotonic() < deadline, "one of the hosts does nothing"
                self.over(self.ask("plain.look", 2))


@pytest.fixture
def stage(cast, settings, tmp_path):
    app.control.purge()
    authority = Authority(tmp_path)
    vendor = RotatingVendor(authority.context(API, LOGIN))
    try:
        hosts = TwoHosts(authority, tuple(map(host_of, LIMITS)), (API, LOGIN), vendor.port)
    except NoNamespaces as error:
        vendor.close()
        pytest.skip(str(error))
    settings.GALAXY_KMS = hosts.a.sandboxd.env["GALAXY_KMS"]
    try:
        hosts.start(web_of_a=IS_LONG)
        with workspace_scope([cast["meridian"].pk]):
            installed(cast["meridian"], cast["admin"], *(connector(*one) for one in LIMITS.items()))
            Connection.objects.update(status=Connection.Status.AUTHENTICATED, generation=1)
            yield Stage(cast, hosts, vendor)
    finally:
        hosts.close()
        vendor.close()


def test_two_hosts_are_one_galaxy_whatever_becomes_of_one(stage, desk):
    """In one test, since eight processes begin for it."""
    stage.at_work("a", "b")
    budgets_are_counted_together(stage)
    places_are_counted_together(stage)
    a_token_is_renewed_once(stage)
    a_breaker_that_one_opened_holds_for_the_other(stage)
    what_a_cut_off_host_did_is_known_or_in_doubt(stage)
    if IS_LONG:
        what_a_killed_worker_held_goes_on_at_the_other(stage)
        a_worker_that_was_given_up_writes_nothing(stage)
        whatever_the_moment_nothing_is_done_twice(stage)
        a_host_that_is_back_works_again(stage)
        a_host_whose_connections_were_forgotten_works_on(stage)
    assert not Run.objects.filter(finished_at=None).exists()
    ended = AuditEvent.objects.filter(action__in=["run.succeeded", "run.unknown", "run.failed"])
    assert sorted(ended.values_list("target_id", flat=True)) == sorted(str(run.pk) for run in Run.objects.all())
    whoever_is_out_at_one_is_out_at_the_other(stage)
    what_is_taken_away_is_gone_everywhere(stage, desk)


# --- Limits ------------------------------------------------------------------------------------------------------


def both_did(stage) -> None:
    """On a machine that is busy with other tests one of two workers may be asleep all the while. That breaks nothing
    and shows less, so only the long form insists."""
    assert stage.outside.through() == ["A", "B"] or not IS_LONG


def budgets_are_counted_together(stage) -> None:
    stage.outside.forget(slow_s=0.3)
    runs = stage.over(stage.ask("metered.look", 2 * ALLOWED))
    assert len(stage.outside.arrivals) == ALLOWED
    both_did(stage)
    assert sorted(run.state for run in runs) == ["failed"] * ALLOWED + ["succeeded"] * ALLOWED
    assert {run.error_category for run in runs} == {"", "quota"}


def places_are_counted_together(stage) -> None:
    stage.outside.forget(slow_s=0.4)
    runs = stage.over(stage.ask("narrow.look", 6))
    assert {run.state for run in runs} == {"succeeded"}
    assert (len(stage.outside.arrivals), stage.outside.most_at_once) == (6, 1)
    both_did(stage)
    if IS_LONG:
        stage.outside.forget(slow_s=0.4)  # without a limit they do go side by side
        stage.over(stage.ask("plain.look", 6))
        assert stage.outside.most_at_once == 2


def a_token_is_renewed_once(stage) -> None:
    connection = connected(stage.workspace, stage.admin)
    end_token(connection)
    stage.vendor.latency_s = 1.0
    runs = stage.over(stage.ask("vendor.make", 6))
    assert {run.state for run in runs} == {"succeeded"}
    assert (stage.vendor.asked, stage.vendor.given, stage.vendor.refused, stage.vendor.served) == (1, 1, 0, 6)


def a_breaker_that_one_opened_holds_for_the_other(stage) -> None:
    stage.at_work("a")
    stage.outside.forget(status=500)
    stage.over(stage.ask("fused.look", 4))
    assert Breaker.objects.get(connection__installation__extension__slug="fused").state == "open"
    assert stage.outside.through() == ["A"]
    stage.at_work("b")
    stage.outside.forget()
    run = stage.done("fused.look")
    assert (run.state, run.error["error_code"]) == ("failed", "circuit_open")
    assert not stage.outside.arrivals
    connection = Connection.objects.get(installation__extension__slug="held")
    assert stage.done("held.look").state == "succeeded"
    trip_breaker(connection, "look", actor=stage.admin, reason="Their side is being moved.")
    run = stage.done("held.look")
    assert (run.state, run.error_category) == ("failed", "policy_block")
    assert len(stage.outside.arrivals) == 1


# --- Who may -----------------------------------------------------------------------------------------------------


class ThisProcess:
    """Stands for the web server of the first host, which costs seconds to start: the same code and servers."""


def answer_of(web, path: str, *, method: str = "GET", **headers: str) -> tuple[int, str]:
    """The status and where it leads to."""
    if isinstance(web, ThisProcess):
        told = Client(headers=headers).generic(method, path)
        return told.status_code, told.headers.get("Location", "")
    link = http.client.HTTPConnection(web.address, web.port, timeout=60)
    try:
        link.request(method, path, headers={"Host": "localhost"} | headers)
        answer = link.getresponse()
        answer.read()
        return answer.status, answer.headers.get("Location", "")
    finally:
        link.close()


def whoever_is_out_at_one_is_out_at_the_other(stage) -> None:
    a, b = stage.hosts.a.web if IS_LONG else ThisProcess(), stage.hosts.b.web
    page = f"/w/{stage.workspace.slug}/runs/"
    jars = {}
    for name in ("admin", "member", "creator"):
        client = Client()
        client.force_login(stage.cast[name], backend="allauth.account.auth_backends.AuthenticationBackend")
        client.get("/account/logout/")
        jars[name] = {"Cookie": "; ".join(f"{key}={one.value}" for key, one in client.cookies.items())}
        jars[name]["X-CSRFToken"] = client.cookies[settings.CSRF_COOKIE_NAME].value
        assert [answer_of(web, page, **jars[name])[0] for web in (a, b)] == [200, 200]
    assert answer_of(a, "/account/logout/", method="POST", **jars["admin"])[0] == 302
    assert [answer_of(web, page, **jars["admin"])[0] for web in (a, b)] == [302, 302]
    get_user_model().objects.filter(pk=stage.cast["member"].pk).update(is_active=False)
    assert "login" in answer_of(b, page, **jars["member"])[1]
    remove_member(Membership.objects.get(user=stage.cast["creator"]), actor=stage.cast["owner"])
    assert answer_of(b, page, **jars["creator"])[0] == 404


def what_is_taken_away_is_gone_everywhere(stage, desk) -> None:
    """The worker and the web server of the second host have seen each of these as it was before."""
    b = stage.hosts.b.web
    asked = {"permissions": ["runs.read"], "days": 3}
    token, text = create_token(stage.workspace, name="Mine", actor=stage.admin, **asked)
    header = {"Authorization": f"Bearer {text}"}
    assert answer_of(b, f"/api/v1/workspaces/{stage.workspace.slug}/runs/", **header)[0] == 200
    revoke_token(token, actor=stage.admin)
    assert answer_of(b, f"/api/v1/workspaces/{stage.workspace.slug}/runs/", **header)[0] == 401
    stage.outside.forget()
    assert {stage.done(f"{name}.look").state for name in ("plain", "narrow")} == {"succeeded"}
    stage.at_work()
    queued = stage.ask("plain.look")
    put_in_force(stage.workspace, stage.admin, "deny", what={"extensions": ["plain"]})
    before = len(stage.outside.arrivals)
    stage.at_work("b")
    run = stage.over(queued)[0]
    assert (run.state, run.error_category) == ("failed", "policy_block")
    stage.at_work()
    queued = stage.ask("narrow.look")
    quarantine(queued[0].version, reach="calls", reason="Somebody looks into it.", actor=desk.reviewer)
    stage.at_work("b")
    run = stage.over(queued)[0]
    assert (run.state, run.error["error_code"]) == ("failed", "quarantined")
    assert len(stage.outside.arrivals) == before


# --- Hosts that are lost -----------------------------------------------------------------------------------------


def under_way(stage, target: str, *, slow_s: float) -> Run:
    """A run whose request has arrived at the other side, which takes its time to answer."""
    stage.outside.forget(slow_s=slow_s)
    run = stage.ask(target)[0]
    stage.hosts.until(lambda: bool(stage.outside.arrivals))
    stage.outside.slow_s = 0.0
    return run


def what_a_killed_worker_held_goes_on_at_the_other(stage) -> None:
    """What may be asked again is asked again under the same key; what may not is in doubt."""
    for target, state, through in (("plain.book", "succeeded", ["A", "B"]), ("plain.post", "unknown", ["A"])):
        stage.at_work("a")
        run = under_way(stage, target, slow_s=2 * LEASE_S)
        stage.at_work("b")
        run = stage.over([run])[0]
        assert (run.state, run.attempt) == (state, 2)
        assert stage.outside.through() == through
        assert stage.outside.effects(path_of(run)) == 1


def a_worker_that_was_given_up_writes_nothing(stage) -> None:
    """It stood still for longer than its lease, and comes back with an answer that is another's by then."""
    stage.at_work()
    late = stage.hosts.a.workers.start()
    run = under_way(stage, "plain.book", slow_s=1.0)
    os.kill(late, signal.SIGSTOP)
    try:
        stage.hosts.b.workers.start()
        run = stage.over([run])[0]
    finally:
        os.kill(late, signal.SIGCONT)
    assert (run.state, run.attempt, run.outputs) == ("succeeded", 2, {"id": "by B"})
    time.sleep(LEASE_S)  # it writes down what it has, if anything lets it
    after = Run.objects.get(pk=run.pk)
    assert (after.attempt, after.outputs, after.finished_at) == (2, {"id": "by B"}, run.finished_at)
    assert stage.outside.effects(path_of(run)) == 1


def what_a_cut_off_host_did_is_known_or_in_doubt(stage) -> None:
    """The other side has done it and says so, and nobody here hears it."""
    cases = [("plain.post", "unknown"), ("plain.book", "succeeded")]
    for target, state in cases if IS_LONG else cases[:1]:
        stage.at_work("b")
        run = under_way(stage, target, slow_s=2.0)
        stage.hosts.network.cut()
        try:
            stage.hosts.a.workers.start()
            run = stage.over([run])[0]
            assert (run.state, run.attempt) == (state, 2)
        finally:
            stage.hosts.network.heal()
        time.sleep(LEASE_S)
        after = Run.objects.get(pk=run.pk)
        assert (after.state, after.attempt, after.finished_at) == (state, 2, run.finished_at)
        assert stage.outside.effects(path_of(run)) == 1


def a_host_that_is_back_works_again(stage) -> None:
    """Cut off for longer than it waits for PostgreSQL, its web server says so; then all of it goes on as before."""
    network, b = stage.hosts.network, stage.hosts.b

    def health() -> int:
        return network.inside(lambda: answer_of(b.web, "/healthz")[0])

    stage.at_work("b")
    assert stage.done("plain.look").state == "succeeded"
    assert health() == 200
    network.cut()
    try:
        began = time.monotonic()
        assert health() >= 500
        assert time.monotonic() - began < UNHEALTHY_WITHIN_S
    finally:
        network.heal()
    stage.hosts.until(lambda: health() == 200, reconciling=False)
    stage.outside.forget()
    assert stage.done("plain.post").state == "succeeded"
    assert stage.outside.through() == ["B"]


def a_host_whose_connections_were_forgotten_works_on(stage) -> None:
    """A firewall between it and Valkey lost its table: nothing comes any more, and no end of a connection is told."""
    stage.at_work("b")
    assert stage.done("plain.look").state == "succeeded"
    stage.hosts.valkey.forget()
    stage.outside.forget()
    assert stage.done("plain.post").state == "succeeded"
    assert stage.outside.through() == ["B"]
    stage.hosts.until(lambda: answer_of(stage.hosts.b.web, "/readyz")[0] == 200)  # the first to ask waits in vain


def whatever_the_moment_nothing_is_done_twice(stage) -> None:
    """Both hosts work off a line of calls while the cable is pulled and put back at random."""
    rng = random.Random(SEED)
    stage.at_work("a", "b")
    stage.outside.forget(slow_s=0.2)
    runs = stage.ask("plain.book", 3 * CUTS) + stage.ask("plain.post", 3 * CUTS)
    for _ in range(CUTS):
        time.sleep(rng.uniform(0.1, 1.5))
        stage.hosts.network.cut()
        try:
            time.sleep(rng.uniform(0.2, 2 * LEASE_S))
        finally:
            stage.hosts.network.heal()
    for run in stage.over(runs):
        done = stage.outside.effects(path_of(run))
        assert done == 1 if run.state == "succeeded" else done <= 1, (run.target, run.state, done)
        assert run.state == "succeeded" or (run.target == "plain.post" and run.state == "unknown"), run.error


def path_of(run: Run) -> str:
    return f"/{run.target.partition('.')[2]}/{run.inputs['key']}"
