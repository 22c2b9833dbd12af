"""A version that is stopped is felt everywhere within five seconds: what runs ends, what waits and what is new is
refused, and whoever uses it is told. Real parts: PostgreSQL, Valkey, Celery workers, sandboxd and a slow peer."""

import threading
import time

import pytest

from galaxy.core.models import AuditEvent, Notification
from galaxy.core.scope import workspace_scope
from registry.errors import Quarantined
from registry.models import Connection, Version
from registry.services import install
from registry.services.quarantining import quarantine, stop_versions
from sandbox.models import Run
from sandbox.services import invoke
from tests.core.egress.peers import Peer
from tests.extensions import publish
from tests.sandbox.live.manifests import API, LIVE
from tests.sandbox.python_extensions import publish_python
from tests.sandboxd import Sandboxd

FELT_WITHIN_S, DEADLINE_S = 5.0, 60
LOOP = """# api: v1
# perms: [things.read]
# timeout_ms: 10000

def run(inputs, ctx):
    # inputs: {}
    # outputs: {}
    while True:
        pass
"""


def wait_until(condition, seconds=DEADLINE_S):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_what_is_under_way_ends_within_five_seconds_and_nothing_begins(cast, desk, workers, authority):
    over = threading.Event()
    peer = Peer(authority.context(API), lambda head, send: over.wait(9))
    sandboxd = Sandboxd({API: peer.port}, authority.pem)
    sandboxd.start("--size", "1")
    meridian, admin = cast["meridian"], cast["admin"]
    try:
        workers.env["SANDBOXD_SOCKET"] = str(sandboxd.socket)
        for _ in range(2):
            workers.start()
        with workspace_scope([meridian.pk]):
            rest, loop = publish(LIVE), publish_python(LOOP, id="spin", scopes=["things.read"])
            held = [install(meridian, one.extension, version=one, actor=admin) for one in (rest, loop)]
            Connection.objects.update(status=Connection.Status.AUTHENTICATED, generation=1)
            calls = (("live.look_up", {"key": "a"}), ("spin", {}))
            under_way = [invoke(meridian, actor=admin, target=target, inputs=inputs) for target, inputs in calls]
            mine = Run.objects.filter(pk__in=[run.pk for run in under_way])
            wait_until(lambda: mine.filter(state="running").count() == 2 and peer.requests)
            waiting = invoke(meridian, actor=admin, target="live.look_up", inputs={"key": "b"})
            with workspace_scope([desk.workspace.pk]):
                quarantine(rest, reach="calls", reason="It sends too much.", actor=desk.reviewer)
                assert stop_versions([loop.pk], "Its key was revoked.") == 1
            begun = time.monotonic()
            wait_until(lambda: not mine.filter(state="running").exists(), FELT_WITHIN_S)
            print(f"\nended {time.monotonic() - begun:.1f} s after the stop")  # noqa: T201  (what this test is for)
            refused = [invoke(meridian, actor=admin, target=target, inputs=inputs) for target, inputs in calls]
            wait_until(lambda: Run.objects.filter(pk=waiting.pk, finished_at__isnull=False).exists())
            for run in Run.objects.filter(pk__in=[run.pk for run in (*under_way, waiting, *refused)]):
                assert (run.state, run.error_category) == ("failed", "policy_block"), (run.target, run.error)
                assert run.error["error_code"] == "quarantined"
            assert "It sends too much." in Run.objects.get(pk=waiting.pk).error["sentence"]
            assert len(peer.requests) == 1  # what waited and what was new never left
            with pytest.raises(Quarantined, match="Its key was revoked"):
                install(meridian, loop.extension, version=Version.objects.get(pk=loop.pk), actor=admin)
            told = AuditEvent.objects.filter(action="quarantine.opened")
            wait_until(lambda: set(told.values_list("target_id", flat=True)) == {str(one.pk) for one in held})
            assert Notification.objects.filter(kind="version_quarantined", person=admin).count() == 2
    finally:
        over.set()
        sandboxd.close()
        peer.close()
