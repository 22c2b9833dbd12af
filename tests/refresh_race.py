"""Fifty callers whose token is over, on two hosts of sandboxd, and a provider that takes its time."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from django.db import connections
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from registry.models import Connection
from sandbox.models import Run
from sandbox.sandboxd.client import Lost, Unreachable, ask
from sandbox.sandboxd.orders import CallOrder
from sandbox.services import invoke
from tests.connections import API, LOGIN, register_app, seal_for, vendor
from tests.extensions import installed
from tests.sandboxd import Sandboxd
from tests.token_endpoint import FIRST, RotatingVendor

HOSTS = (API, LOGIN)
OLD = "old-access-token-0123456789"


class TwoHosts:
    """Two sandboxd that share a database, a root key and a vendor."""

    def __init__(self, port: int, authority: str):
        self.both = [Sandboxd(dict.fromkeys(HOSTS, port), authority) for _ in range(2)]
        self.both[1].env["GALAXY_KMS"] = self.both[0].env["GALAXY_KMS"]

    def start(self) -> None:
        for one in self.both:
            one.start("--size", "1")

    def close(self) -> None:
        for one in self.both:
            one.close()

    @property
    def key_file(self) -> Path:
        return self.both[0].key_file


def connected(workspace, admin) -> Connection:
    """A connection of the made-up vendor; the root key of the hosts must be this process's too."""
    installation = installed(workspace, admin, vendor())[0]
    register_app(installation, admin)
    return Connection.objects.select_related("installation__workspace", "workspace").get(installation=installation)


def end_token(connection: Connection) -> None:
    """Its token is over, and the refresh token is the one that the vendor takes first."""
    past = timezone.now() - timedelta(minutes=1)
    connection.refresh_from_db()
    row = {"expires_at": past, "refreshed_at": past - timedelta(hours=1), "refresh_holder": None}
    row |= {"refresh_lease_until": None, "last_error": "", "cooldown_until": None, "refresh_failures": 0}
    seal_for(connection, {"access_token": OLD, "refresh_token": FIRST}, **row)


def runs_under_way(workspace, admin, count: int) -> list[Run]:
    runs = [invoke(workspace, actor=admin, target="vendor.look", inputs={}) for _ in range(count)]
    Run.objects.filter(pk__in=[run.pk for run in runs]).update(
        state="running", attempt=1, lease_until=timezone.now() + timedelta(minutes=10)
    )
    return list(Run.objects.filter(pk__in=[run.pk for run in runs]).select_related("workspace"))


def race(
    hosts: TwoHosts, vendor: RotatingVendor, runs: list[Run], *, kill: bool = False, seconds: float = 60.0
) -> dict:
    """Each run calls once, through one host or the other, all at the same moment: {ok, failed, took_s}.

    ``kill`` ends the host that has the refresh (kill -9) once the provider has its request; whoever was with it goes to
    the other one, as the run's next worker does.
    """
    paths = [one.socket for one in hosts.both]
    until = time.monotonic() + seconds

    def call(number: int) -> str:
        run, place = runs[number], number % 2
        try:
            with workspace_scope([run.workspace_id]):
                order = CallOrder(
                    run.workspace_id, str(run.pk), run.version_digest, run.target, {}, 1, 0, 0, None, True, 10.0
                ).as_body()
                while True:
                    try:
                        answer = ask("call", order, seconds=30.0, path=paths[place])
                    except (Unreachable, Lost):
                        place = 1 - place
                        time.sleep(0.2)
                        continue
                    if answer["code"] != "refresh_slow" or time.monotonic() > until:
                        return answer["code"] or str(answer["status"])
        finally:
            connections.close_all()

    began = time.monotonic()
    with ThreadPoolExecutor(len(runs)) as threads:
        answers = [threads.submit(call, number) for number in range(len(runs))]
        if kill:
            _kill_holder(hosts, vendor)
        said = [answer.result() for answer in answers]
    return {"ok": said.count("200"), "said": sorted(set(said)), "took_s": time.monotonic() - began}


def _kill_holder(hosts: TwoHosts, vendor: RotatingVendor) -> None:
    """The holder is the one that has a connection to the vendor open; found by the kernel's own table."""
    if not vendor.started.wait(30):
        raise AssertionError("Nobody asked for a token.")
    holder = next(one for one in hosts.both if _has_connection(one.process.pid, vendor.port))
    holder.kill()


def _has_connection(pid: int, port: int) -> bool:
    """Whether a process has a TCP connection to ``port`` of this machine."""
    wanted = f":{port:04X}"
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[2].endswith(wanted) and row[3] == "01"}
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    return any(f"socket:[{inode}]" in links for inode in inodes)
