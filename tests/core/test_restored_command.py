"""What `manage.py restored` finds wrong, and when it does nothing. With real servers: tests/hosts/test_restore.py."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from galaxy.core import audit
from galaxy.core.audit import sequencer as sequencing
from galaxy.core.audit.anchors import Anchors
from galaxy.core.audit.tree import checkpoint_of
from galaxy.core.restoring import findings, home
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.kms.local import make_key_file
from galaxy.core.vault.services import create_secret
from galaxy.core.vault.signing import make_signing_keys
from tests import flushing
from tests.sealing import EVERYTHING_SEEN

both = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def places(settings, tmp_path):
    for name in ("signing-keys.json", "other-keys.json"):
        make_signing_keys(tmp_path / name)
    make_key_file(tmp_path / "root-keys.json")
    settings.GALAXY_SIGNING_KEYS = str(tmp_path / "signing-keys.json")
    settings.GALAXY_KMS = f"local:{tmp_path / 'root-keys.json'}"
    settings.GALAXY_CHECKPOINTS_DIR = tmp_path / "copies"
    return tmp_path


def said(*words: str, **options) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=out, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("harm", "mend", "sentence"),
    [
        (
            "ALTER TABLE core_agent DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE core_agent ENABLE ROW LEVEL SECURITY",
            "Row-level security is not in force on core_agent.",
        ),
        (
            "GRANT UPDATE ON core_auditevent TO galaxy_app",
            "REVOKE UPDATE ON core_auditevent FROM galaxy_app",
            "The application's role may change core_auditevent.",
        ),
        (
            "ALTER TABLE core_token OWNER TO postgres",
            "ALTER TABLE core_token OWNER TO galaxy_owner",
            "The owner's role does not own core_token.",
        ),
        (
            "ALTER TABLE core_auditevent DISABLE TRIGGER append_only",
            "ALTER TABLE core_auditevent ENABLE TRIGGER append_only",
            "Triggers are switched off on core_auditevent",
        ),
        (
            "REVOKE SELECT ON core_user FROM galaxy_app",
            "GRANT SELECT ON core_user TO galaxy_app",
            "The application's role may not read core_user",
        ),
    ],
)
@both
def test_a_wall_that_did_not_come_along_is_told(harm, mend, sentence):
    with flushing.superuser() as superuser:
        superuser.execute(harm)
    try:
        assert [one for one in findings.walls() if one.startswith(sentence)]
    finally:
        with flushing.superuser() as superuser:
            superuser.execute(mend)
    assert list(findings.walls()) == []


@both
def test_keys_that_are_others_are_told(cast, places, settings, admin, workspace):
    value = {"value": "a-value-that-opens", "hosts": ["api.example.com"], "places": ["header"]}
    create_secret(workspace, name="key", purpose="Tests", actor=admin, **value)
    said("sequencer", once=True)
    anchors = Anchors(places / "copies")

    def told() -> list[str]:
        return [*findings.keys_of_trail(anchors), *findings.vault(iter([workspace]))]

    assert told() == []
    settings.GALAXY_SIGNING_KEYS = str(places / "other-keys.json")
    make_key_file(places / "other-root-keys.json")
    settings.GALAXY_KMS = f"local:{places / 'other-root-keys.json'}"
    first, second = told()
    assert first.startswith("GALAXY_SIGNING_KEYS lacks key ")
    assert second.startswith("Key 1 of meridian does not open")
    settings.GALAXY_SIGNING_KEYS = settings.GALAXY_KMS = ""
    assert [one.partition(":")[0] for one in told()] == [
        "The keys that sign the trail were not looked at",
        "The vault was not looked at",
    ]


@both
def test_where_nothing_was_restored_nothing_is_ended(cast, places):
    home.note_home("owner")
    (places / "copies").mkdir()
    with pytest.raises(CommandError, match="Nothing was changed"):
        said("restored", "--apply")


@both
def test_files_that_were_put_back_are_looked_after_though_they_stand_where_they_stood(cast, places, monkeypatch):
    """A snapshot of the volume: PostgreSQL counts no recovery, but the copy outside knows what is lost."""
    monkeypatch.setattr(sequencing, "HORIZON", EVERYTHING_SEEN)
    meridian = cast["meridian"]
    home.note_home("owner")
    said("sequencer", once=True)
    with workspace_scope([meridian.pk]):
        kept = checkpoint_of(meridian)
        with transaction.atomic():
            audit.record("box.lost", actor=None, target=meridian)
    said("sequencer", once=True)
    with flushing.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            "DELETE FROM core_auditleaf WHERE position >= %s AND workspace_id = %s", [kept.size, meridian.pk]
        )
        superuser.execute(
            "DELETE FROM core_auditcheckpoint WHERE size > %s AND workspace_id = %s", [kept.size, meridian.pk]
        )
    try:
        assert home.standing().is_home
        text = said("restored", "--apply", "--even-so")  # this very process is connected
        assert "1 sealed events are not in this backup" in text and "Epoch 2 of the trail has begun." in text
        assert "where it always stood" not in text
    finally:
        with flushing.superuser() as superuser:
            superuser.execute("ALTER TABLE core_auditevent ALTER COLUMN epoch SET DEFAULT 1")
            superuser.execute("DELETE FROM core_home")


@both
def test_what_was_only_moved_keeps_what_was_open(cast, places, client_of):
    home.note_home("owner")
    said("sequencer", once=True)
    signed_in = client_of(cast["admin"])
    with flushing.superuser() as superuser:
        superuser.execute("UPDATE core_home SET place = 'where it was'")
    try:
        assert "Epoch 2 of the trail has begun." in said("restored", "--apply", "--nothing-lost", "--even-so")
        assert home.standing().is_home
        assert signed_in.get("/").status_code == 302
        assert "Every trail is what was signed." in said("audit", "verify")
    finally:
        with flushing.superuser() as superuser:
            superuser.execute("ALTER TABLE core_auditevent ALTER COLUMN epoch SET DEFAULT 1")
            superuser.execute("DELETE FROM core_home")
