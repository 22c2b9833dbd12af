"""Secrets from store to shred: who may, which stage follows which, what the trail says, and what the tables refuse."""

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.utils import DatabaseError
from django.utils import timezone

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import AuditDetail, AuditEvent, Secret, SecretVersion, WorkspaceKey
from galaxy.core.permissions import NotGranted, can
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.envelope import header_of
from galaxy.core.vault.errors import CannotOpen, SecretGone, VaultClosed, WrongStage
from galaxy.core.vault.keys import forget_keys
from galaxy.core.vault.kms.local import make_key_file
from galaxy.core.vault.opening import open_version
from galaxy.core.vault.sealing import LocalSealer
from galaxy.core.vault.services import (
    create_secret,
    lease,
    open_lease,
    retire_version,
    shred_secret,
    shred_workspace,
    stage_version,
    switch_version,
)
from tests.core.vault.conftest import CANARY, HOSTS, PLACES

GOOD = {"name": "other", "purpose": "P", "value": "a value", "hosts": HOSTS, "places": PLACES}


def opened(secret) -> str:
    token = lease(secret, run_id="r", purpose="p", extension="crm 1.0.0", action="crm.read")
    return open_lease(token).value


def staged(secret, actor, value="next value") -> SecretVersion:
    return stage_version(secret, value=value, hosts=HOSTS, places=PLACES, actor=actor)


def stages(secret) -> dict[int, str]:
    return dict(secret.versions.order_by("number").values_list("number", "stage"))


def actions(*names) -> list[str]:
    rows = (
        AuditEvent.objects.filter(action__in=names)
        if names
        else AuditEvent.objects.filter(action__startswith="secret.")
    )
    return list(rows.order_by("id").values_list("action", flat=True))


def test_a_stored_value_opens_again_and_lies_sealed(api_key, version):
    assert opened(api_key) == CANARY
    assert CANARY.encode() not in bytes(version.ciphertext) + bytes(version.wrapped_key)
    assert header_of(bytes(version.ciphertext)) == ("AES-256-GCM", 1)
    assert header_of(bytes(version.wrapped_key)) == ("AES-256-GCM", version.key.version)
    assert version.key.kms_key_id.startswith("local:")
    assert actions() == ["secret.created", "secret.used"]


@pytest.mark.parametrize("person", ["owner", "admin", "approver", "creator", "auditor", "member", "stranger"])
def test_who_stores_and_who_sees(person, cast, vault, workspace):
    may = person in {"owner", "admin"}
    assert can(cast[person], "core.view_secret", workspace) == (may or person == "auditor")
    if may:
        create_secret(workspace, **GOOD, actor=cast[person])
    else:
        with pytest.raises(NotGranted):
            create_secret(workspace, **GOOD, actor=cast[person])
    assert Secret.objects.count() == may


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "short"}, "value"),
        ({"value": "abcabcabc"}, "value"),  # it could never be used: see egress.placeholders
        ({"value": "a\0bcdef"}, "value"),
        ({"value": "x" * 32_769}, "value"),
        ({"value": "two\nlines"}, "places"),
        ({"hosts": []}, "hosts"),
    ],
)
def test_what_cannot_be_stored_is_told_by_field_and_never_repeated(vault, workspace, admin, change, field):
    with pytest.raises(Invalid) as told:
        create_secret(workspace, **(GOOD | change), actor=admin)
    assert list(told.value.fields) == [field]
    assert Secret.objects.count() == 0


def test_a_name_is_there_once_while_it_is_kept(api_key, workspace, admin):
    again = GOOD | {"name": "crm-key"}
    with pytest.raises(Invalid, match="there already"):
        create_secret(workspace, **again, actor=admin)
    shred_secret(api_key, actor=admin)
    create_secret(workspace, **again, actor=admin)


def test_a_key_of_several_lines_is_kept_to_the_letter(vault, workspace, admin):
    pem = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
    secret = create_secret(workspace, **(GOOD | {"value": pem, "places": [], "hosts": []}), actor=admin)
    assert opened(secret) == pem


@pytest.mark.asvs("13.3.4")
def test_a_rotation_goes_from_stage_to_stage(api_key, version, owner, admin):
    second = staged(api_key, owner)
    assert opened(api_key) == CANARY
    switch_version(second, actor=admin)
    assert (opened(api_key), stages(api_key)) == ("next value", {1: "previous", 2: "current"})
    assert open_version(SecretVersion.objects.get(pk=version.pk)).value == CANARY
    retire_version(SecretVersion.objects.get(pk=version.pk), actor=admin)
    assert stages(api_key) == {1: "retired", 2: "current"}
    first, second = SecretVersion.objects.order_by("number")
    assert (first.wrapped_key, first.ended_by, second.staged_by, second.switched_by) == (None, admin, owner, admin)
    assert [name for name in actions() if name != "secret.used"] == [
        "secret.created",
        "secret.version_staged",
        "secret.switched",
        "secret.retired",
    ]


def test_one_switches_back_while_the_old_value_is_there(api_key, version, admin):
    second = switch_version(staged(api_key, admin), actor=admin)
    version = SecretVersion.objects.get(pk=version.pk)
    third = staged(api_key, admin, "third value")
    with pytest.raises(WrongStage, match="v3 is staged"):
        switch_version(version, actor=admin)
    retire_version(third, actor=admin)
    switch_version(version, actor=admin)
    assert (opened(api_key), stages(api_key)) == (CANARY, {1: "current", 2: "previous", 3: "retired"})
    with pytest.raises(WrongStage):
        switch_version(version, actor=admin)
    assert second != version


def test_the_third_value_retires_the_first(api_key, admin):
    switch_version(staged(api_key, admin), actor=admin)
    switch_version(staged(api_key, admin, "third value"), actor=admin)
    assert (opened(api_key), stages(api_key)) == ("third value", {1: "retired", 2: "previous", 3: "current"})


def test_what_is_in_use_or_over_is_not_moved(api_key, version, admin):
    with pytest.raises(WrongStage, match="in use"):
        retire_version(version, actor=admin)
    second = staged(api_key, admin)
    with pytest.raises(WrongStage, match="staged already"):
        staged(api_key, admin)
    retire_version(second, actor=admin)
    for act in (switch_version, retire_version):
        with pytest.raises(WrongStage, match="retired"):
            act(second, actor=admin)
    with pytest.raises(SecretGone, match="retired"):
        open_version(second)


@pytest.mark.asvs("8.3.1")
def test_only_who_may_manage_moves_anything(api_key, admin, auditor):
    second = staged(api_key, admin)
    for act in (switch_version, retire_version):
        with pytest.raises(NotGranted):
            act(second, actor=auditor)
    with pytest.raises(NotGranted):
        shred_secret(api_key, actor=auditor)
    with pytest.raises(NotGranted):
        staged(api_key, auditor)
    assert stages(api_key) == {1: "current", 2: "staged"}


@pytest.mark.asvs("13.3.1")
def test_shredding_destroys_every_data_key(api_key, version, admin):
    second = switch_version(staged(api_key, admin), actor=admin)
    staged(api_key, admin, "third value")
    token = lease(api_key, run_id="r", purpose="p", extension="e", action="a")
    shred_secret(api_key, actor=admin)
    assert set(stages(api_key).values()) == {"shredded"}
    assert not SecretVersion.objects.exclude(wrapped_key=None).exists()
    with pytest.raises(SecretGone):
        open_version(SecretVersion.objects.get(pk=second.pk))
    with pytest.raises(SecretGone):
        open_lease(token)
    with pytest.raises(SecretGone):
        lease(api_key, run_id="r", purpose="p", extension="e", action="a")
    for act in (lambda: shred_secret(api_key, actor=admin), lambda: staged(api_key, admin)):
        with pytest.raises(SecretGone):
            act()
    detail = AuditDetail.objects.get(event_id=AuditEvent.objects.get(action="secret.shredded").pk)
    assert sorted(detail.fields["data.versions"]) == [1, 2, 3]


def test_shredding_a_workspace_destroys_its_keys_and_no_other(
    api_key, version, other_workspace, owner, admin, stranger
):

    with workspace_scope([other_workspace.pk]):
        theirs = create_secret(other_workspace, **GOOD, actor=stranger)
    opened(api_key)  # its key is in memory now, which must not help
    with pytest.raises(NotGranted):
        shred_workspace(api_key.workspace, actor=admin)
    assert shred_workspace(api_key.workspace, actor=owner) == 1
    assert WorkspaceKey.objects.get().wrapped is None
    with pytest.raises(CannotOpen, match="destroyed"):
        opened(api_key)
    with pytest.raises(CannotOpen, match="destroyed"):
        create_secret(api_key.workspace, **GOOD, actor=owner)
    with workspace_scope([other_workspace.pk]):
        assert opened(theirs) == "a value"


def test_the_tables_hold_what_the_services_promise(api_key, version, admin):
    first = SecretVersion.objects.filter(pk=version.pk)
    second = SecretVersion.objects.filter(pk=staged(api_key, admin).pk)
    for rows, change in (
        (second, {"stage": "current"}),
        (first, {"wrapped_key": None}),
        (first, {"stage": "shredded"}),
        (WorkspaceKey.objects.all(), {"wrapped": None}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**change)


def test_the_application_changes_no_ciphertext_no_binding_and_deletes_nothing(api_key):
    for statement in (
        "UPDATE core_secretversion SET ciphertext = ''",
        "UPDATE core_secretversion SET hosts = '[]'",
        "UPDATE core_secretversion SET places = '[]'",
        "UPDATE core_secretversion SET secret_id = secret_id",
        "UPDATE core_secret SET name = 'x'",
        "UPDATE core_workspacekey SET version = 2",
        "UPDATE core_secretlease SET expires_at = now()",
        *(f"DELETE FROM core_{name}" for name in ("secret", "secretversion", "workspacekey", "secretlease", "rewrap")),
    ):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connections["default"].cursor().execute(statement)


def test_a_value_that_was_sealed_under_a_key_that_is_gone_is_stored_once_more(api_key, admin, monkeypatch):
    """The key may be destroyed between sealing and storing; then nothing is stored that could never be opened."""
    seal = LocalSealer.seal

    def slow(self, place, value):
        envelope = seal(self, place, value)
        WorkspaceKey.objects.update(wrapped=None, destroyed_at=timezone.now())
        return envelope

    monkeypatch.setattr(LocalSealer, "seal", slow)
    with pytest.raises(Conflict, match="rotated"):
        staged(api_key, admin)
    assert stages(api_key) == {1: "current"}


def test_without_a_root_key_nothing_is_stored_and_nothing_opens(api_key, version, settings, admin):
    token = lease(api_key, run_id="r", purpose="p", extension="e", action="a")
    settings.GALAXY_KMS = ""
    for act in (
        lambda: open_lease(token),
        lambda: open_version(version),
        lambda: staged(api_key, admin),
        lambda: create_secret(api_key.workspace, **GOOD, actor=admin),
    ):
        with pytest.raises(VaultClosed):
            act()
    assert actions("secret.used") == []


def test_another_root_key_opens_nothing(api_key, settings, tmp_path):
    other = tmp_path / "other.json"
    make_key_file(other)
    settings.GALAXY_KMS = f"local:{other}"
    forget_keys()
    with pytest.raises(CannotOpen, match="root key"):
        opened(api_key)
    assert actions("secret.did_not_open", "secret.used") == ["secret.did_not_open"]
