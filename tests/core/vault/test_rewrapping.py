"""Rotation of a workspace's key: progress, resuming, and readers who notice nothing."""

import threading
from io import StringIO

import pytest
from celery.exceptions import Retry
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from galaxy.core.models import AuditDetail, AuditEvent, Rewrap, SecretVersion, WorkspaceKey
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from galaxy.core.tasks import rewrap_secrets
from galaxy.core.vault import sealing
from galaxy.core.vault.envelope import open_sealed, seal
from galaxy.core.vault.errors import KeyDestroyed, VaultClosed
from galaxy.core.vault.keys import forget_keys, unwrapped
from galaxy.core.vault.kms.local import add_key, make_key_file
from galaxy.core.vault.sealing import KEY_COLUMN, place_of
from galaxy.core.vault.services import (
    create_secret,
    go_on_rewrapping,
    lease,
    leases,
    open_lease,
    retire_version,
    rewrap,
    rewrapping,
    shred_workspace,
    stage_version,
    switch_version,
)
from tests.core.vault.conftest import HOSTS, PLACES

WHAT = {"run_id": "r", "purpose": "p", "extension": "e", "action": "a"}


def many(workspace, admin, numbers) -> list:
    return [
        create_secret(
            workspace, name=f"key-{n}", purpose="P", value=f"value {n}", hosts=HOSTS, places=PLACES, actor=admin
        )
        for n in numbers
    ]


def opened(secret) -> str:
    return open_lease(lease(secret, **WHAT)).value


@pytest.mark.asvs("11.2.2", "13.3.4")
def test_every_data_key_moves_and_the_old_key_is_destroyed(vault, workspace, admin, monkeypatch):
    monkeypatch.setattr(rewrapping, "BATCH", 3)
    secrets = many(workspace, admin, range(7))
    second = stage_version(secrets[0], value="next value", hosts=HOSTS, places=PLACES, actor=admin)
    switch_version(second, actor=admin)  # a previous and a current version: eight data keys
    before = dict(SecretVersion.objects.values_list("pk", "ciphertext"))
    job = rewrap(workspace, actor=admin)
    assert (job.state, job.total, job.done) == ("running", 8, 0)
    job = go_on_rewrapping(job.pk)
    assert (job.state, job.total, job.done, job.trouble) == ("done", 8, 8, "")
    old, new = WorkspaceKey.objects.order_by("version")
    assert (old.wrapped, new.version) == (None, 2)
    assert set(SecretVersion.objects.values_list("key", flat=True)) == {new.pk}
    assert dict(SecretVersion.objects.values_list("pk", "ciphertext")) == before
    assert [opened(one) for one in secrets] == ["next value", *(f"value {n}" for n in range(1, 7))]
    events = {event.action: event for event in AuditEvent.objects.filter(target_kind="workspace")}
    assert {"secret.key_rotated", "rewrap.started", "rewrap.finished"} <= set(events)
    fields = AuditDetail.objects.get(event_id=events["rewrap.finished"].pk).fields
    assert (fields["data.key"], fields["data.destroyed"]) == (2, [1])


def test_it_goes_on_where_it_stopped(vault, workspace, admin, settings, monkeypatch):
    monkeypatch.setattr(rewrapping, "BATCH", 2)
    monkeypatch.setattr(sealing, "_registered", [])
    many(workspace, admin, range(5))
    job = rewrap(workspace, actor=admin)
    rewrapping._wrap_batch(job)
    open_vault, settings.GALAXY_KMS = settings.GALAXY_KMS, ""
    with pytest.raises(VaultClosed):
        go_on_rewrapping(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.trouble) == ("running", 2, "The vault is closed: start sandboxd.")
    assert WorkspaceKey.objects.filter(wrapped=None).count() == 0
    settings.GALAXY_KMS = open_vault
    assert go_on_rewrapping(job.pk).done == 5
    assert go_on_rewrapping(job.pk).done == 5
    assert AuditEvent.objects.filter(action="rewrap.finished").count() == 1


def test_one_runs_at_a_time_and_asking_again_calls_its_worker(vault, workspace, admin, auditor, monkeypatch):
    rung = []
    monkeypatch.setattr(rewrapping, "_ring", rung.append)
    with pytest.raises(NotGranted):
        rewrap(workspace, actor=auditor)
    job = rewrap(workspace, actor=admin)
    assert rewrap(workspace, actor=admin) == job
    assert (rung, Rewrap.objects.count(), WorkspaceKey.objects.count()) == ([job], 1, 1)


def test_a_version_that_is_retired_meanwhile_stays_retired(vault, workspace, admin):
    [secret] = many(workspace, admin, range(1))
    second = stage_version(secret, value="next value", hosts=HOSTS, places=PLACES, actor=admin)
    job = rewrap(workspace, actor=admin)
    move = rewrapping.sealer

    class Slow:
        def rewrap(self, workspace_id, items):
            retire_version(second, actor=admin)
            return move().rewrap(workspace_id, items)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rewrapping, "sealer", Slow)
        rewrapping._wrap_batch(job)
    second.refresh_from_db()
    assert (second.stage, second.wrapped_key) == ("retired", None)
    assert (go_on_rewrapping(job.pk).done, opened(secret)) == (1, "value 0")


def test_a_value_stored_under_the_old_key_during_the_job_is_moved_too(vault, workspace, admin):
    """Sealed just before the new key was made, stored just after the job thought it was through."""
    first, second = many(workspace, admin, range(2))
    old = WorkspaceKey.objects.get()
    job = rewrap(workspace, actor=admin)
    rewrapping._wrap_batch(job)
    late = SecretVersion.objects.filter(secret=second)
    place = place_of(late.select_related("secret").get())

    row = late.select_related("key").get()
    (aad,) = place.authenticated(KEY_COLUMN)
    data_key = open_sealed(unwrapped(row.key), bytes(row.wrapped_key), aad, key_version=2)
    late.update(key=old, wrapped_key=seal(unwrapped(old), data_key, aad, key_version=1))
    rewrapping._finish(job)
    job.refresh_from_db()
    assert job.state == "running"
    go_on_rewrapping(job.pk)
    assert (opened(first), opened(second)) == ("value 0", "value 1")


def test_a_reader_who_held_the_old_row_reads_again(vault, workspace, admin, monkeypatch):
    [secret] = many(workspace, admin, range(1))
    token = lease(secret, **WHAT)
    find = leases.current_version

    def stale(one):
        found = find(one)
        go_on_rewrapping(rewrap(workspace, actor=admin).pk)
        found.key.refresh_from_db()  # destroyed by now
        return found

    monkeypatch.setattr(leases, "current_version", stale)
    assert open_lease(token).value == "value 0"


def test_the_task_waits_while_the_vault_is_closed(vault, workspace, admin, settings, monkeypatch):
    monkeypatch.setattr(sealing, "_registered", [])
    many(workspace, admin, range(1))
    job = rewrap(workspace, actor=admin)
    open_vault, settings.GALAXY_KMS = settings.GALAXY_KMS, ""
    with pytest.raises(Retry):
        rewrap_secrets.apply(args=[str(workspace.pk), str(job.pk)], throw=True)
    settings.GALAXY_KMS = open_vault
    assert rewrap_secrets.apply(args=[str(workspace.pk), str(job.pk)], throw=True).result == 1


def test_the_task_waits_for_the_right_root_key_and_says_so(vault, workspace, admin, settings, tmp_path):
    """Of a root key in a file, the old one may have been taken out too early."""
    many(workspace, admin, range(1))
    job = rewrap(workspace, actor=admin)
    other = tmp_path / "other.json"
    make_key_file(other)
    root_key, settings.GALAXY_KMS = settings.GALAXY_KMS, f"local:{other}"
    forget_keys()
    with pytest.raises(Retry):
        rewrap_secrets.apply(args=[str(workspace.pk), str(job.pk)], throw=True)
    job.refresh_from_db()
    assert (job.state, "not among ours" in job.trouble) == ("running", True)
    settings.GALAXY_KMS = root_key
    assert rewrap_secrets.apply(args=[str(workspace.pk), str(job.pk)], throw=True).result == 1


def test_the_task_does_not_wait_for_keys_that_were_shredded(vault, workspace, owner):
    many(workspace, owner, range(1))
    job = rewrap(workspace, actor=owner)
    shred_workspace(workspace, actor=owner)
    with pytest.raises(KeyDestroyed):
        rewrap_secrets.apply(args=[str(workspace.pk), str(job.pk)], throw=True)


def test_a_batch_costs_the_same_number_of_queries_however_large(vault, workspace, admin):
    def cost(numbers):
        many(workspace, admin, numbers)
        job = rewrap(workspace, actor=admin)
        with CaptureQueriesContext(connection) as queries:
            go_on_rewrapping(job.pk)
        return len(queries)

    assert cost(range(2)) == cost(range(2, 40))


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_readers_and_writers_notice_nothing_while_keys_rotate(vault, cast, monkeypatch):
    """Three rotations under load: four threads read, one rotates the secrets themselves. No read fails."""
    monkeypatch.setattr(rewrapping, "BATCH", 10)
    monkeypatch.setattr(rewrapping, "_ring", lambda job: None)
    meridian, admin = cast["meridian"], cast["admin"]
    with workspace_scope([meridian.pk]):
        secrets = many(meridian, admin, range(60))
    over, failures, reads = threading.Event(), [], []

    def work(act):
        with workspace_scope([meridian.pk]):
            try:
                while not over.is_set():
                    act()
            except Exception as error:
                failures.append(error)
            finally:
                connections.close_all()

    def read():
        for number in range(0, 60, 7):
            reads.append(opened(secrets[number]) in {f"value {number}", "next value"})

    def rotate():
        version = stage_version(secrets[0], value="next value", hosts=HOSTS, places=PLACES, actor=admin)
        switch_version(version, actor=admin)

    threads = [threading.Thread(target=work, args=[act]) for act in (read, read, read, read, rotate)]
    for thread in threads:
        thread.start()
    try:
        with workspace_scope([meridian.pk]):
            jobs = [go_on_rewrapping(rewrap(meridian, actor=admin).pk) for _ in range(3)]
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(reads) > 50
    assert all(reads)
    assert [job.state for job in jobs] == ["done"] * 3
    with workspace_scope([meridian.pk]):
        assert WorkspaceKey.objects.filter(wrapped__isnull=False).count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_the_command_moves_every_workspace_to_a_new_root_key(vault, cast, settings):
    with workspace_scope([cast["meridian"].pk]):
        [secret] = many(cast["meridian"], cast["admin"], range(1))
    with workspace_scope([cast["tidewater"].pk]):
        [theirs] = many(cast["tidewater"], cast["stranger"], range(1))
    settings.GALAXY_KEY_FILE = vault
    first = vault.read_text()
    id = add_key(vault)
    settings.GALAXY_KMS = f"local:{vault.parent}/./{vault.name}"  # another name, as after a restart
    forget_keys()
    said = StringIO()
    call_command("vault", "rewrap", stdout=said)
    assert said.getvalue().splitlines() == [
        "meridian: 1 data keys are wrapped by key 2 now.",
        "tidewater: 1 data keys are wrapped by key 2 now.",
    ]
    with workspace_scope([cast["meridian"].pk, cast["tidewater"].pk]):
        live = WorkspaceKey.objects.filter(wrapped__isnull=False)
        assert set(live.values_list("kms_key_id", flat=True)) == {f"local:{id}"}
        assert (opened(secret), opened(theirs)) == ("value 0", "value 0")
    with pytest.raises(CommandError, match="no workspace named nowhere"):
        call_command("vault", "rewrap", "nowhere")
    with pytest.raises(CommandError, match="names differ"):
        call_command("vault", "shred-workspace", "meridian", confirm="tidewater")
    call_command("vault", "shred-workspace", "meridian", confirm="meridian", stdout=said)
    with workspace_scope([cast["meridian"].pk, cast["tidewater"].pk]):
        assert WorkspaceKey.objects.filter(wrapped__isnull=False).get().workspace == cast["tidewater"]
    assert first != vault.read_text()
