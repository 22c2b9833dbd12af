"""What a workspace installs is pinned by digest, audited, and stays while a pack needs it."""

import threading

import pytest
from django.db import connections, transaction

from galaxy.core.models import AuditDetail, AuditEvent, HistoryRow
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from registry.errors import (
    AlreadyInstalled,
    AlreadyRemoved,
    Altered,
    NotInstallable,
    NotInstalled,
    RequirementsMissing,
    StillNeeded,
)
from registry.models import Connection, Installation, Pin, Version
from registry.services import (
    connection_for,
    install,
    is_simulation_forced,
    missing_requirements,
    resolve,
    uninstall,
    verified_manifest,
)
from tests.registry.samples import action, connector, manifest_of, pack, publish, transform


def put(workspace, manifest, actor):
    version = publish(manifest)
    return install(workspace, version.extension, version=version, actor=actor)


def events_of(row):
    events = AuditEvent.objects.filter(target_id=str(row.pk)).order_by("occurred_at")
    return list(events.values_list("action", flat=True))


def test_an_installation_is_pinned_to_its_bytes_and_the_trail_says_so(workspace, admin):
    installation = put(workspace, connector(), admin)
    version = Version.objects.get()
    assert (installation.pin.version, installation.pin.digest) == (version, version.digest)
    assert (installation.scopes, installation.hosts) == (["things.write"], ["api.acme.example"])
    assert events_of(installation) == ["installation.created"]
    assert events_of(installation.pin) == ["pin.created"]
    fields = AuditDetail.objects.get(event_id=AuditEvent.objects.get(action="installation.created").pk).fields
    assert fields["after.digest"] == version.digest
    assert fields["after.scopes"] == ["things.write"]


def test_a_second_installation_of_the_same_extension_is_refused(workspace, admin):
    put(workspace, connector(), admin)
    with pytest.raises(AlreadyInstalled):
        put(workspace, connector(), admin)
    assert Installation.objects.count() == 1


def test_installing_needs_its_permission(workspace, creator):
    with pytest.raises(NotGranted):
        put(workspace, connector(), creator)
    assert not Installation.objects.exists()


@pytest.mark.parametrize("status", ["deprecated", "yanked"])
def test_a_withdrawn_version_is_not_installed_anew(workspace, admin, status):
    version = publish(connector())
    Version.objects.update(status=status)
    version.refresh_from_db()
    with pytest.raises(NotInstallable):
        install(workspace, version.extension, version=version, actor=admin)


def test_a_version_of_another_extension_is_refused(workspace, admin):
    version, other = publish(connector()), publish(transform())
    with pytest.raises(NotInstallable):
        install(workspace, other.extension, version=version, actor=admin)


def test_what_reaches_a_third_party_gets_an_empty_connection_and_is_simulated(workspace, admin):
    put(workspace, connector(), admin)
    resolved = resolve(workspace, "acme.create_thing")
    connection = connection_for(resolved.installation, admin)
    assert (resolved.action.id, connection.status, is_simulation_forced(resolved, admin)) == (
        "create_thing",
        "unauthenticated",
        True,
    )
    Connection.objects.update(status="authenticated")
    assert is_simulation_forced(resolved, admin) is False


def test_a_transform_never_leaves_and_needs_no_connection(workspace, admin):
    put(workspace, transform(), admin)
    resolved = resolve(workspace, "things.clean")
    assert (resolved.action, connection_for(resolved.installation, admin)) == (None, None)
    assert is_simulation_forced(resolved, admin) is False


def test_a_pack_is_simulated_while_anything_it_requires_is_not_connected(workspace, admin):
    put(workspace, connector(), admin)
    put(workspace, pack(), admin)
    resolved = resolve(workspace, "things.keep")
    assert is_simulation_forced(resolved, admin) is True
    Connection.objects.update(status="authenticated")
    assert is_simulation_forced(resolved, admin) is False


def test_a_stand_alone_action_resolves_to_itself(workspace, admin):
    text = (
        "action: acme.send\nversion: 1.0.0\nsummary: Sends.\nmethod: POST\npath: /send\n"
        "base_url: https://api.acme.example\negress: [{ host: api.acme.example }]\nscopes: [mail.write]\n"
        "inputs: { to: string }\noutputs: { id: string }\nsimulation: { answer: { id: inputs.to } }\n"
        'fixtures: { happy: { status: 200 }, "401": { status: 401 }, "429": { status: 429 }, 5xx: { status: 503 } }\n'
    )
    put(workspace, manifest_of(text), admin)
    resolved = resolve(workspace, "acme.send")
    assert (resolved.action.id, is_simulation_forced(resolved, admin)) == ("acme.send", True)


def test_a_connector_by_its_own_name_has_no_action(workspace, admin):
    put(workspace, connector("acme.crm"), admin)
    assert resolve(workspace, "acme.crm").action is None
    assert resolve(workspace, "acme.crm.create_thing").action.id == "create_thing"


@pytest.mark.parametrize("target", ["acme", "acme.unknown", "other.create_thing", "", ".", "acme.create_thing.x", "'"])
def test_what_is_not_installed_is_not_found(workspace, admin, target):
    if target != "acme":
        put(workspace, connector(), admin)
    with pytest.raises(NotInstalled):
        resolve(workspace, target)


def test_another_workspaces_installation_is_not_found(workspace, other_workspace, stranger):
    with workspace_scope([other_workspace.pk]):
        put(other_workspace, connector(), stranger)
    with workspace_scope([workspace.pk, other_workspace.pk]), pytest.raises(NotInstalled):
        resolve(workspace, "acme.create_thing")


def test_a_pack_waits_for_what_it_requires(workspace, admin):
    assert missing_requirements(workspace, pack()) == [("acme", "^1.0")]
    with pytest.raises(RequirementsMissing, match=r"acme \^1\.0"):
        put(workspace, pack(), admin)
    put(workspace, connector(), admin)
    assert missing_requirements(workspace, pack()) == []
    assert missing_requirements(workspace, pack(wanted="^2.0")) == [("acme", "^2.0")]


def test_what_a_pack_needs_is_not_removed(workspace, admin):
    needed, needing = put(workspace, connector(), admin), put(workspace, pack(), admin)
    with pytest.raises(StillNeeded, match="needed by Keep things"):
        uninstall(needed, actor=admin)
    assert Installation.objects.active().count() == 2
    uninstall(needing, actor=admin)
    uninstall(needed, actor=admin)
    assert Installation.objects.active().count() == 0


def test_a_removal_ends_pin_and_connection_and_keeps_the_row(workspace, admin):
    installation = put(workspace, connector(), admin)
    pin, connection = installation.pin, connection_for(installation, admin)
    Connection.objects.update(status="authenticated", generation=3)
    uninstall(installation, actor=admin, reason="Not used")
    installation.refresh_from_db()
    connection.refresh_from_db()
    assert installation.is_active is False
    assert not Pin.objects.exists()
    assert (connection.status, connection.generation) == ("unauthenticated", 4)
    assert events_of(installation) == ["installation.created", "installation.removed"]
    assert events_of(pin) == ["pin.created", "pin.removed"]
    assert events_of(connection) == ["connection.created", "connection.closed"]
    event = AuditEvent.objects.get(action="installation.removed")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert (fields["data.reason"], fields["before.version"]) == ("Not used", "1.0.0")
    with pytest.raises(NotInstalled):
        resolve(workspace, "acme")
    with pytest.raises(AlreadyRemoved):
        uninstall(installation, actor=admin)


def test_a_removal_needs_its_permission(workspace, admin, member):
    installation = put(workspace, connector(), admin)
    with pytest.raises(NotGranted):
        uninstall(installation, actor=member)
    assert Installation.objects.active().count() == 1


def test_after_a_removal_it_can_be_installed_again(workspace, admin):
    first = put(workspace, connector(), admin)
    uninstall(first, actor=admin)
    second = put(workspace, connector(), admin)
    assert second.pk != first.pk
    assert resolve(workspace, "acme").installation == second


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_history_keeps_the_pin_that_a_removal_ended(cast):
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        installation = put(workspace, connector(), admin)
        pin = installation.pin
        uninstall(installation, actor=admin)
        states = HistoryRow.objects.filter(kind="registry_pin", row_id=str(pin.pk))
        assert [(state.row["digest"], state.during.upper is None) for state in states] == [(pin.digest, False)]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize("table", ["registry_version", "registry_versionfile"])
def test_bytes_that_were_changed_behind_galaxys_back_do_not_run(cast, table):
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        version = publish(connector(), files={"docs.md": b"as published"})
        install(workspace, version.extension, version=version, actor=admin)
        change = {
            "registry_version": 'UPDATE registry_version SET manifest = manifest || \'{"summary": "Else."}\'',
            "registry_versionfile": "UPDATE registry_versionfile SET content = 'else'",
        }[table]
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER immutable")
            cursor.execute(change)
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER immutable")
        verified_manifest.cache_clear()  # as in a process that starts afterwards
        with pytest.raises(Altered, match="not what was published"):
            resolve(workspace, "acme.create_thing")


def test_a_pin_to_another_digest_does_not_run(workspace, admin):
    put(workspace, connector(), admin)
    Pin.objects.update(digest="0" * 64)
    with pytest.raises(Altered, match="pinned to another digest"):
        resolve(workspace, "acme.create_thing")


def test_resolving_an_action_of_a_large_connector_reads_its_manifest_once(
    workspace, admin, django_assert_max_num_queries
):
    put(workspace, connector("acme", "1.0.0", *[action(f"do_{n}") for n in range(30)]), admin)
    resolve(workspace, "acme.do_1")
    with django_assert_max_num_queries(1):
        resolve(workspace, "acme.do_29")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_of_two_people_who_install_at_once_one_is_told(cast):
    workspace, people = cast["meridian"], [cast["admin"], cast["owner"]]
    version = publish(connector())
    together = threading.Barrier(2)
    answers = []

    def act(person):
        try:
            with workspace_scope([workspace.pk]):
                together.wait(timeout=10)
                install(workspace, version.extension, version=version, actor=person)
                answers.append("installed")
        except AlreadyInstalled:
            answers.append("told")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(answers) == ["installed", "told"]
    with workspace_scope([workspace.pk]):
        assert Installation.objects.active().count() == 1
        assert AuditEvent.objects.filter(action="installation.created").count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_removal_waits_for_a_pack_that_is_being_installed(cast):
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        needed = put(workspace, connector(), admin)
    needing = publish(pack())
    refused = []

    def remove():
        try:
            with workspace_scope([workspace.pk]):
                uninstall(needed, actor=admin)
        except StillNeeded as error:
            refused.append(str(error))
        finally:
            connections.close_all()

    thread = threading.Thread(target=remove)
    with workspace_scope([workspace.pk]):
        with transaction.atomic():
            install(workspace, needing.extension, version=needing, actor=admin)
            thread.start()
            thread.join(timeout=0.5)
            assert thread.is_alive()  # it waits for the lock that the pack's installation holds
        thread.join(timeout=20)
        assert refused == ["Acme is needed by Keep things."]
        assert Installation.objects.active().count() == 2
