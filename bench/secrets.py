"""Row 6: reading a secret and wrapping data keys anew.

Opening is compared twice, each time with what it cannot do without, taking turns in CPU time of this process. In
process: an envelope with its place and its host checked, against the two bare decryptions. As a whole: a lease, with
the event that it was used, against the same statements by hand and the same decryptions; what is on top is the price
of the ORM, of the event's commitments and of the checks, and is told without a bar. Then 100,000 data keys wrapped
anew in memory, and 10,000 secrets re-wrapped in the database while two threads go on reading.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench._database import fresh_database
from bench._rows import compared, row

ROUNDS, EACH, READS = 7, 2000, 60
WRAPPED, ROWS = 100_000, 10_000
MOST_RATIO, MOST_SECONDS = 3.0, 5.0
HOST = "api.example.com"
_row = partial(row, "6")
_CONSUME = """
UPDATE core_secretlease SET consumed_at = now() WHERE digest = %(digest)s AND consumed_at IS NULL AND expires_at > now()
RETURNING id, version_id, chain
"""
_READ = """
SELECT v.*, k.wrapped FROM core_secretversion v JOIN core_workspacekey k ON k.id = v.key_id
WHERE v.workspace_id = %(workspace)s AND v.secret_id = %(secret)s AND v.stage = 'current'
"""
_EVENT = """
INSERT INTO core_auditevent (workspace_id, occurred_at, action, actor_kind, actor_id, target_kind, target_id,
request_id, simulated, commitments)
VALUES (%s, now(), 'secret.used', 'system', 'galaxy', 'secret', %s, '', false, %s) RETURNING id
"""
_DETAIL = """
INSERT INTO core_auditdetail (event_id, workspace_id, occurred_at, actor_label, target_label, fields, salt)
VALUES (%s, %s, now(), 'Galaxy', 'first', %s, %s)
"""


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database(), tempfile.TemporaryDirectory() as folder:
        from django.test.utils import override_settings

        from galaxy.core.vault.kms.local import make_key_file

        path = Path(folder) / "root-keys.json"
        make_key_file(path)
        with override_settings(GALAXY_KMS=f"local:{path}"):
            return [*_in_process(), *_in_memory(), *_in_database()]


def _turns(*works: Callable[[], object]) -> list[list[float]]:
    """CPU seconds of each of ``works`` in each round."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for number, work in enumerate(works):
            began = time.process_time()
            work()
            found[number].append(time.process_time() - began)
    return found


def _bare_open(key: bytes, place: Any, envelope: Any) -> Callable[[], bytes]:
    """The two decryptions, with everything else made beforehand."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    inner, outer = place.authenticated("wrapped_key", "ciphertext")
    wrapped, sealed = envelope.wrapped_key, envelope.ciphertext
    inner, outer = wrapped[:8] + inner, sealed[:8] + outer

    def opened() -> bytes:
        data_key = AESGCM(key).decrypt(wrapped[8:20], wrapped[20:], inner)
        return AESGCM(data_key).decrypt(sealed[8:20], sealed[20:], outer)

    return opened


def _in_process() -> list[dict[str, Any]]:
    from galaxy.core.vault.envelope import Place, new_key
    from galaxy.core.vault.sealing import open_under, seal_under

    key, facts = new_key(), (uuid4(), uuid4(), "crm-key", 1, (HOST,), ("header",))
    envelope = seal_under(uuid4(), 1, key, Place(*facts), "sk-live-0123456789abcdef0123456789abcdef")
    bare = _bare_open(key, Place(*facts), envelope)

    def ours() -> str:
        place = Place(*facts)
        if HOST not in place.hosts or "header" not in place.places:
            raise RuntimeError("The policy refused what it should let pass.")
        return open_under(key, 1, place, envelope.wrapped_key, envelope.ciphertext)

    if bare().decode() != ours():
        raise RuntimeError("The two do not open the same.")
    times = _turns(lambda: [bare() for _ in range(EACH)], lambda: [ours() for _ in range(EACH)])
    bare_us, ours_us = ([spent / EACH * 1e6 for spent in one] for one in times)
    what = "envelope with place, header and host checked, beside two bare decryptions"
    return [compared("6", what, ours_us, bare_us, "us", most=MOST_RATIO)]


def _in_memory() -> list[dict[str, Any]]:
    from galaxy.core.vault.envelope import Place, new_key
    from galaxy.core.vault.sealing import Wrapped, rewrap_under, seal_under

    old, new, workspace = new_key(), new_key(), uuid4()
    items = []
    for number in range(WRAPPED):
        place = Place(workspace, uuid4(), f"secret-{number}", 1, (HOST,), ("header",))
        items.append(Wrapped(place, 1, seal_under(workspace, 1, old, place, "value").wrapped_key))
    began = time.process_time()
    fresh = rewrap_under(2, new, {1: old}, items)
    seconds = time.process_time() - began
    if len(set(fresh)) != WRAPPED:
        raise RuntimeError("Not every data key was wrapped anew.")
    return [_row(f"{WRAPPED:,} data keys wrapped anew", seconds, "s", f"<= {MOST_SECONDS:g}", seconds <= MOST_SECONDS)]


def _in_database() -> list[dict[str, Any]]:
    from galaxy.core.accounts import create_account
    from galaxy.core.members import create_workspace
    from galaxy.core.scope import workspace_scope
    from galaxy.core.vault.services import create_secret, rewrapping

    rewrapping._ring = lambda job: None
    owner = create_account("bench@example.test", password=uuid4().hex, name="Bench")
    workspace = create_workspace(name="Bench", slug="bench", owner=owner)
    with workspace_scope([workspace.pk]):
        first = create_secret(
            workspace, name="first", purpose="P", value="a value", hosts=[HOST], places=["header"], actor=owner
        )
        return [*_leased(first), *_moved(workspace, owner)]


def _leased(secret: Any) -> list[dict[str, Any]]:
    from galaxy.core.vault.keys import unwrapped
    from galaxy.core.vault.sealing import Envelope, place_of
    from galaxy.core.vault.services import lease, open_lease

    version = secret.versions.select_related("key", "secret").get()
    envelope = Envelope(version.key_id, bytes(version.wrapped_key), bytes(version.ciphertext))
    bare_open = _bare_open(unwrapped(version.key), place_of(version), envelope)
    what = {"run_id": "r", "purpose": "p", "extension": "crm 1.0.0", "action": "crm.read"}
    tokens: list[str] = []

    def refill() -> None:
        tokens[:] = [lease(secret, **what) for _ in range(READS)]

    ours, bare = [], []
    for _ in range(ROUNDS):
        for work, into in ((open_lease, ours), (lambda token: _by_hand(secret, token, bare_open), bare)):
            refill()
            began = time.process_time()
            for token in tokens:
                work(token)
            into.append(time.process_time() - began)
    ours_us, bare_us = ([spent / READS * 1e6 for spent in one] for one in (ours, bare))
    what = "a lease opened, with its event, beside the same statements by hand"
    return [compared("6", what, ours_us, bare_us, "us")]


def _by_hand(secret: Any, token: str, opened: Callable[[], bytes]) -> None:
    """What opening a lease has to ask and write, without any of what makes it safe or readable."""
    import hashlib

    from django.db import connection, transaction

    where = {
        "workspace": secret.workspace_id,
        "secret": secret.pk,
        "digest": hashlib.sha256(token.encode()).hexdigest(),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CONSUME, where)
        cursor.fetchone()
        cursor.execute(_READ, where)
        cursor.fetchone()
        opened()
        fields = json.dumps({"action": "secret.used", "target.id": str(secret.pk), "data.run": "r", "data.version": 1})
        cursor.execute(_EVENT, [secret.workspace_id, str(secret.pk), fields])
        cursor.execute(_DETAIL, [cursor.fetchone()[0], secret.workspace_id, fields, os.urandom(32)])


def _moved(workspace: Any, owner: Any) -> list[dict[str, Any]]:
    """ROWS secrets re-wrapped while two threads read all the time."""
    from django.db import connections

    from galaxy.core.models import Secret, SecretVersion
    from galaxy.core.scope import workspace_scope
    from galaxy.core.vault.envelope import Place
    from galaxy.core.vault.keys import newest_key, unwrapped
    from galaxy.core.vault.sealing import seal_under
    from galaxy.core.vault.services import go_on_rewrapping, lease, open_lease, rewrap

    key = newest_key(workspace.pk)
    secrets = [Secret(workspace=workspace, name=f"s-{n}", purpose="P", created_by=owner) for n in range(ROWS)]
    versions = []
    for secret in secrets:
        place = Place(workspace.pk, secret.pk, secret.name, 1, (HOST,), ("header",))
        sealed = seal_under(key.pk, key.version, unwrapped(key), place, "a value")
        versions.append(
            SecretVersion(
                workspace=workspace, secret=secret, number=1, stage="current", hosts=[HOST], places=["header"], key=key,
                wrapped_key=sealed.wrapped_key, ciphertext=sealed.ciphertext, staged_by=owner,
            )
        )  # fmt: skip
    Secret.objects.bulk_create(secrets, batch_size=1000)
    SecretVersion.objects.bulk_create(versions, batch_size=1000)
    over, outcomes = threading.Event(), []

    def read(place: int) -> None:
        with workspace_scope([workspace.pk]):
            while not over.is_set():
                place = (place + 997) % ROWS
                try:
                    token = lease(secrets[place], run_id="r", purpose="p", extension="e", action="a")
                    outcomes.append(open_lease(token).value == "a value")
                except Exception:
                    outcomes.append(False)
        connections.close_all()

    threads = [threading.Thread(target=read, args=[start]) for start in (0, ROWS // 2)]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    job = go_on_rewrapping(rewrap(workspace, actor=owner).pk)
    seconds = time.perf_counter() - began
    over.set()
    for thread in threads:
        thread.join()
    failed = outcomes.count(False)
    return [
        _row(f"{job.done:,} secrets re-wrapped in the database, under load", seconds, "s"),
        _row(f"reads that failed meanwhile, of {len(outcomes):,}", failed, "", "0", failed == 0 and len(outcomes) > 0),
    ]
