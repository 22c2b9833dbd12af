"""A version that is stopped, by the desk or because the key that vouched for it was revoked, is felt everywhere within
five seconds: what runs ends, what waits and what is new is refused by workers that have it in memory, and whoever uses
it is told. Real parts: PostgreSQL, Valkey, Celery workers, sandboxd and a slow peer."""

import base64
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from galaxy.core.models import AuditEvent, Notification
from galaxy.core.scope import workspace_scope
from registry.errors import NotVouched, Quarantined
from registry.models import Connection, Publisher, Version
from registry.publishers.claiming import claim_name
from registry.publishers.keys import add_key, add_signature, demand_signatures, statement_for
from registry.services import install, move_pin, verified_manifest
from registry.services.quarantining import quarantine
from registry.signing.revoking import revoke_key
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


def _publisher_that_signs(workspace, creator) -> tuple[Publisher, Ed25519PrivateKey]:
    """A publisher of whom nothing counts without its own signature, and the private half of its only key."""
    private = Ed25519PrivateKey.generate()
    orbit = claim_name(workspace, name="Orbit Works", actor=creator)
    add_key(orbit, public=base64.b64encode(private.public_key().public_bytes_raw()).decode(), actor=creator)
    return demand_signatures(orbit, since=timezone.now().date(), actor=creator), private


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
            orbit, private = _publisher_that_signs(meridian, cast["creator"])
            rest = publish(LIVE)
            loop = publish_python(LOOP, id="spin", scopes=["things.read"], publisher=orbit)
            made = base64.b64encode(private.sign(statement_for(loop).encode())).decode()
            key = add_signature(loop, signature=made, actor=cast["creator"]).key
            held = [install(meridian, one.extension, version=one, actor=admin) for one in (rest, loop)]
            Connection.objects.update(status=Connection.Status.AUTHENTICATED, generation=1)
            calls = (("live.look_up", {"key": "a"}), ("spin", {}))
            under_way = [invoke(meridian, actor=admin, target=target, inputs=inputs) for target, inputs in calls]
            mine = Run.objects.filter(pk__in=[run.pk for run in under_way])
            wait_until(lambda: mine.filter(state="running").count() == 2 and peer.requests)
            waiting = invoke(meridian, actor=admin, target="live.look_up", inputs={"key": "b"})
            with workspace_scope([desk.workspace.pk]):
                quarantine(rest, reach="calls", reason="It sends too much.", actor=desk.reviewer)
            assert revoke_key(key, reason="A laptop was stolen.", actor=cast["creator"]) == [loop]
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
            stopped = Version.objects.select_related("extension").get(pk=loop.pk)
            with pytest.raises(Quarantined, match="A laptop was stolen"):
                install(meridian, stopped.extension, version=stopped, actor=admin)
            with pytest.raises(Quarantined, match="A laptop was stolen"):
                move_pin(held[1], version=stopped, actor=admin)
            verified_manifest.cache_clear()  # as a process does that begins now
            with pytest.raises(NotVouched, match="no signature of Orbit Works"):
                verified_manifest(loop.digest)
            told = AuditEvent.objects.filter(action="quarantine.opened")
            wait_until(lambda: set(told.values_list("target_id", flat=True)) == {str(one.pk) for one in held})
            assert Notification.objects.filter(kind="version_quarantined", person=admin).count() == 2
    finally:
        over.set()
        sandboxd.close()
        peer.close()
