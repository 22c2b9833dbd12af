"""A version is what was signed, byte for byte, or nothing of it is installed or loaded (F96, F97)."""

import json

import pytest
from django.db import connections, transaction
from django.db.utils import DatabaseError

from galaxy.core.audit.keys import introduce
from galaxy.core.audit.packs import verify as in_pure_python
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.signing import SigningKeys, make_signing_keys
from registry.errors import Altered, NotVouched
from registry.manifests import load, version_digest
from registry.models import SigningKey, Version, VersionSignature
from registry.services import install, publish_draft, resolve, verified_manifest
from registry.signing import sign_with, verify, verify_contents
from registry.signing.keys import NAME, current
from registry.signing.statements import Statement
from tests.registry.samples import connector, publish

pytestmark = pytest.mark.django_db
FILES = {"docs.md": b"# Acme", "fixtures/happy.json": b"{}"}


@pytest.fixture
def unsigned(settings):
    """A process without keys, in which nothing is signed until somebody asks sandboxd."""
    settings.GALAXY_MARKETPLACE_KEYS = ""


@pytest.fixture(autouse=True)
def nothing_is_loaded():
    verified_manifest.cache_clear()


def test_what_is_signed_names_every_byte_and_anybody_can_check_it():
    version = publish(connector(), files=FILES)
    row = version.signatures.get()
    assert json.loads(row.statement) == {
        "type": "galaxy.version/2",
        "catalogue": row.key_id,
        "extension": "acme",
        "kind": "connector",
        "number": "1.0.0",
        "publisher": "Orbit Works",
        "digest": version.digest,
        "manifest_digest": version.manifest_digest,
        "files": dict(version.files.values_list("path", "sha256")),
    }
    plain = Statement.read(row.statement).plain
    assert json.loads(plain.text)["type"] == "galaxy.version/1" and "catalogue" not in plain.text
    for mixed in (row.statement.replace("version/2", "version/1"), plain.text.replace("version/1", "version/2")):
        with pytest.raises(ValueError, match="no statement"):
            Statement.read(mixed)
    text, rest = row.statement.encode(), (bytes(row.signature), bytes(row.key.public))
    assert in_pure_python.is_signed(text, *rest)
    assert not in_pure_python.is_signed(text + b" ", *rest)


@pytest.mark.parametrize("path", [*FILES, "manifest", "added.md", "missing"])
def test_one_flipped_byte_is_refused_with_the_name_of_the_file(path):
    version = publish(connector(), files=FILES)
    manifest, files = load(version.manifest), dict(FILES)
    if path == "manifest":
        manifest = load({**version.manifest, "summary": "Keeps thinks."})
    elif path == "missing":
        path = "docs.md"
        del files[path]
    else:
        before = files.get(path, b" ")
        files[path] = bytes([before[0] ^ 1]) + before[1:]
    verify_contents(version, load(version.manifest), FILES)
    with pytest.raises(Altered, match=f"{path}.* of Acme 1.0.0 (is not|was|is)") as refused:
        verify_contents(version, manifest, files)
    assert not isinstance(refused.value, NotVouched)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_forger_of_every_column_is_refused_at_install_and_at_load(cast):
    """Somebody who rules the database changes a file and each digest that names it: the signature stays what it was."""
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        version = publish(connector(), files=FILES)
        other = publish(connector("beta"), files={"docs.md": b"! Acme"})
        with connections["owner"].cursor() as cursor:
            for table in ("registry_version", "registry_versionfile"):
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER immutable")
            cursor.execute(
                "UPDATE registry_versionfile f SET content = o.content, sha256 = o.sha256 FROM registry_versionfile o"
                " WHERE f.version_id = %s AND f.path = 'docs.md' AND o.version_id = %s",
                [version.pk, other.pk],
            )
            forged = version_digest(load(version.manifest), FILES | {"docs.md": b"! Acme"})
            cursor.execute("UPDATE registry_version SET digest = %s WHERE id = %s", [forged, version.pk])
            for table in ("registry_version", "registry_versionfile"):
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER immutable")
        version.refresh_from_db()
        with pytest.raises(Altered, match=r"The file docs.md of Acme 1.0.0 is not what was published"):
            install(workspace, version.extension, version=version, actor=admin)
        with pytest.raises(Altered, match=r"The file docs.md of Acme 1.0.0"):
            verified_manifest(version.digest)


def test_the_digest_that_was_signed_is_the_one_that_is_installed(workspace, admin):
    version = publish(connector(), files=FILES)
    installation = install(workspace, version.extension, version=version, actor=admin)
    assert json.loads(version.signatures.get().statement)["digest"] == installation.pin.digest == version.digest


def test_what_nobody_signed_is_neither_installed_nor_loaded(unsigned, workspace, admin):
    version = publish(connector())
    for act in (
        lambda: install(workspace, version.extension, version=version, actor=admin),
        lambda: verified_manifest(version.digest),
    ):
        with pytest.raises(NotVouched, match="no signature of the marketplace") as refused:
            act()
        assert (refused.value.status, refused.value.code) == (409, "not_vouched")


def test_a_workspace_tries_out_its_drafts_without_a_signature(unsigned, workspace, admin):
    version = publish_draft(connector(), workspace=workspace, actor=admin)
    install(workspace, version.extension, version=version, actor=admin)
    assert resolve(workspace, "acme.create_thing").version == version
    assert not version.signatures.exists()


def test_what_a_revoked_key_signed_counts_for_nothing_and_another_key_still_counts(settings, tmp_path):
    version = publish(connector())
    SigningKey.objects.update(revoked_at=version.published_at, revoke_reason="It was on a laptop.")
    with pytest.raises(NotVouched):
        verify(version)
    make_signing_keys(tmp_path / "next.json")
    keys = SigningKeys(tmp_path / "next.json")
    settings.GALAXY_MARKETPLACE_ROOTS = [keys.current]
    current(keys, new_root=True)
    sign_with(keys, version)
    verify(version)


def test_a_key_that_nothing_introduced_is_not_believed(unsigned, tmp_path):
    """Whoever can write rows writes a key of their own beside the marketplace's, and signs with it."""
    version = publish(connector())
    make_signing_keys(tmp_path / "ours.json")
    make_signing_keys(tmp_path / "theirs.json")
    current(SigningKeys(tmp_path / "ours.json"))
    theirs = SigningKeys(tmp_path / "theirs.json")
    key = introduce(theirs, None, version.published_at, name=NAME)
    SigningKey.objects.create(id=key.key_id, owner="marketplace", public=key.public, number=2, introduction=key.note)
    sign_with(theirs, version)
    with pytest.raises(NotVouched):
        verify(version)


def test_signatures_and_keys_never_change():
    version = publish(connector())
    signature, key = version.signatures.get(), SigningKey.objects.get()
    acts = (
        lambda: VersionSignature.objects.update(signature=b"0" * 64),
        lambda: signature.delete(),
        lambda: SigningKey.objects.update(public=b"0" * 32),
        lambda: key.delete(),
    )
    for act in acts:
        with pytest.raises(DatabaseError), transaction.atomic():
            act()
    SigningKey.objects.update(revoked_at=version.published_at, revoke_reason="Lost.")
    with pytest.raises(DatabaseError, match="only be retired or revoked, once"), transaction.atomic():
        SigningKey.objects.update(revoked_at=None, revoke_reason="")
    assert Version.objects.count() == 1
