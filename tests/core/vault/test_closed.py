"""Web and workers cannot open a secret: they are given no root key, and what the database holds does not suffice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from galaxy.core.management.commands.run_all import programs, without_keys
from galaxy.core.processes import Program, Supervisor
from galaxy.core.scope import workspace_scope
from galaxy.core.vault import sealing
from galaxy.core.vault.envelope import open_sealed
from galaxy.core.vault.errors import CannotOpen, VaultClosed
from galaxy.core.vault.services import create_secret, lease
from tests.core.vault.conftest import CANARY, HOSTS, PLACES
from tests.processes import ROOT, environment
from tests.test_layers import MODULES, imports_of

VAULT = Path("galaxy/core/vault")


@pytest.mark.asvs("11.1.3", "11.2.1", "13.3.3")
def test_only_the_vault_imports_cryptography():
    users = {
        path.relative_to(ROOT) for path in MODULES if any(one.startswith("cryptography") for one in imports_of(path))
    }
    assert {VAULT / "envelope.py", VAULT / "accounts.py"} <= users
    assert {path for path in users if VAULT not in path.parents} == set()


@pytest.mark.asvs("13.3.2", "13.3.3")
def test_no_process_but_sandboxd_inherits_the_root_key():
    given = {"GALAXY_KMS": "local:/x", "GALAXY_KMS_FILE": "/x", "AWS_SECRET_ACCESS_KEY": "x", "PATH": "/bin"}
    assert without_keys(given | {"GALAXY_SIGNING_KEYS": "/x"}) == {"PATH": "/bin"}
    given_to = {program.name: set(program.env) for program in programs(8000) if program.env}
    assert given_to.pop("sandboxd") >= {"GALAXY_KMS"}
    assert given_to == {"sequencer": {"GALAXY_SIGNING_KEYS"}}


def test_what_a_program_alone_is_given_reaches_no_other(tmp_path):
    said = []
    show = [sys.executable, "-c", "import os; print('given', os.environ.get('GALAXY_KMS'), flush=True); input()"]
    supervisor = Supervisor(
        [Program("first", show, env={"GALAXY_KMS": "key"}), Program("second", show)],
        logs=tmp_path,
        say=said.append,
        env=without_keys(os.environ),
    )
    ticks = iter(range(200))

    def stop_when_both_spoke():
        if sum("given" in line for line in said) >= 2 or next(ticks) == 199:
            supervisor._on_signal(2, None)

    supervisor.run(stop_when_both_spoke)
    assert {"first | given key", "second | given None"} <= {line.strip() for line in said}


@pytest.mark.asvs("13.3.3")
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_web_process_with_all_of_the_database_opens_nothing(vault, cast):
    """A process as run_all starts it: the real settings, the same database, the token of a live lease, and no key."""
    meridian = cast["meridian"]
    with workspace_scope([meridian.pk]):
        secret = create_secret(
            meridian, name="k", purpose="p", value=CANARY, hosts=HOSTS, places=PLACES, actor=cast["admin"]
        )
        token = lease(secret, run_id="r", purpose="p", extension="e", action="a")
    code = f"""
import django; django.setup()
from galaxy.core.models import SecretVersion
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.errors import VaultClosed
from galaxy.core.vault.keys import unwrapped
from galaxy.core.vault.opening import open_version
from galaxy.core.vault.services import open_lease
with workspace_scope(["{meridian.pk}"]):
    version = SecretVersion.objects.select_related("secret", "key").get()
    for act in (lambda: open_lease("{token}"), lambda: open_version(version), lambda: unwrapped(version.key)):
        try:
            print("opened", act())
        except VaultClosed as error:
            print("closed:", error)
"""
    env = without_keys(environment())
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["closed: The vault is closed in this process: it was given no root key."] * 3


def test_the_rows_alone_unwrap_nothing(vault, workspace, admin):
    """Every 32 bytes of everything the database holds for the vault, tried as the key of the key."""
    secret = create_secret(workspace, name="k", purpose="p", value=CANARY, hosts=HOSTS, places=PLACES, actor=admin)
    version = secret.versions.select_related("key", "secret").get()
    wrapped_key, ciphertext = bytes(version.wrapped_key), bytes(version.ciphertext)
    everything = bytes(version.key.wrapped) + wrapped_key + ciphertext + version.pk.bytes + secret.pk.bytes
    place = sealing.place_of(version)
    for start in range(len(everything) - 31):
        for sealed, column, number in ((wrapped_key, "wrapped_key", 1), (ciphertext, "ciphertext", 1)):
            with pytest.raises(CannotOpen):
                open_sealed(everything[start : start + 32], sealed, place.authenticated(column)[0], key_version=number)


def test_where_nobody_seals_the_page_is_told_what_to_start(settings, monkeypatch):
    settings.GALAXY_KMS = ""
    monkeypatch.setattr(sealing, "_registered", [])
    error = sealing.why_closed()
    assert (str(error), error.next_step.startswith("Start sandboxd")) == ("The vault is closed: start sandboxd.", True)
    with pytest.raises(VaultClosed):
        sealing.sealer()


def test_a_registered_client_seals_where_there_is_no_root_key(vault, settings, monkeypatch, workspace, admin):
    """What sandboxd's client does, without the socket: this process only ever sees sealed texts."""
    root_key = settings.GALAXY_KMS

    class Remote(sealing.LocalSealer):
        def seal(self, place, value):
            settings.GALAXY_KMS = root_key
            try:
                return super().seal(place, value)
            finally:
                settings.GALAXY_KMS = ""

        def check(self):
            return None

    settings.GALAXY_KMS = ""
    monkeypatch.setattr(sealing, "_registered", [])
    sealing.register(Remote)
    assert sealing.why_closed() is None
    create_secret(workspace, name="k", purpose="p", value=CANARY, hosts=HOSTS, places=PLACES, actor=admin)
