"""The marketplace's keys hand over to each other; one that is taken back takes along what it alone vouched for."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from registry.errors import AlreadyRevoked, NotVouched
from registry.models import SigningKey
from registry.signing import revoking, verify
from registry.signing.revoking import revoke_key
from tests.registry.samples import connector, publish

pytestmark = pytest.mark.django_db(databases=["default", "owner"])


@pytest.fixture(autouse=True)
def keys(settings, tmp_path):
    settings.GALAXY_MARKETPLACE_KEYS = str(tmp_path / "keys" / "marketplace.json")
    command("make")


@pytest.fixture
def stopped(monkeypatch):
    """What the stoppers were told: list of (ids, sentence, actor)."""
    told = []
    monkeypatch.setattr(revoking, "_stoppers", [lambda *about: told.append(about)])
    return told


def command(*words):
    out = StringIO()
    call_command("marketplace", "key", *words, stdout=out)
    return out.getvalue()


def test_a_new_key_is_introduced_by_the_one_before_which_still_counts():
    old = publish(connector())
    command("new")
    new = publish(connector("beta"))
    first, second = SigningKey.objects.order_by("number")
    assert (first.state, second.state) == ("retired", "active")
    assert (old.signatures.get().key, new.signatures.get().key) == (first, second)
    verify(old)
    verify(new)
    assert f"2. {second} active, since" in command("list")
    assert "not believed" not in command("list")


def test_revoking_the_only_key_stops_what_it_signed(stopped):
    version = publish(connector())
    key = SigningKey.objects.get()
    assert "1 versions that nothing else vouches for are stopped" in command("revoke", key.pk, "--reason", "Stolen.")
    assert stopped == [([version.pk], f"Key {key} was revoked: Stolen.", None)]
    with pytest.raises(NotVouched):
        verify(version)
    with pytest.raises(CommandError, match="revoked already"):
        command("revoke", key.pk, "--reason", "Again.")
    with pytest.raises(CommandError, match="is revoked, so nothing is signed"):
        command("sign")


def test_what_the_next_key_signed_too_goes_on(stopped):
    version = publish(connector())
    old = SigningKey.objects.get()
    command("new")
    assert command("sign").startswith("1 versions are signed")
    assert command("sign").startswith("0 versions are signed")
    command("revoke", old.pk, "--reason", "Stolen.")
    assert stopped == []
    verify(version)


def test_after_the_last_key_is_lost_a_new_root_has_to_be_named(settings, stopped):
    version = publish(connector())
    command("revoke", SigningKey.objects.get().pk, "--reason", "Stolen.")
    with pytest.raises(CommandError, match="is revoked"):
        command("new")
    assert "GALAXY_MARKETPLACE_ROOTS=" in command("new", "--new-root")
    command("sign")
    with pytest.raises(NotVouched):  # the database alone makes nobody believe it
        verify(version)
    assert "not believed" in command("list")
    settings.GALAXY_MARKETPLACE_ROOTS = [SigningKey.objects.get(number=2).pk]
    verify(version)
    assert list(SigningKey.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


def test_the_desk_takes_a_key_back_with_a_reason_and_the_trail_says_so(desk, stopped):
    publish(connector())
    key = SigningKey.objects.get()
    with workspace_scope([desk.workspace.pk]):
        with pytest.raises(Invalid, match="300 characters why"):
            revoke_key(key, reason=" ", actor=desk.reviewer)
        revoke_key(key, reason="Stolen.", actor=desk.reviewer)
        event = AuditEvent.objects.in_workspace(desk.workspace).get(action="signing_key.revoked")
        assert event.actor_id == str(desk.reviewer.pk)
        with pytest.raises(AlreadyRevoked):
            revoke_key(key, reason="Again.", actor=desk.reviewer)


def test_nobody_else_takes_a_key_back(desk, workspace, admin):
    publish(connector())
    with pytest.raises(NotGranted):
        revoke_key(SigningKey.objects.get(), reason="Mine.", actor=admin)
