"""Two walls between workspaces: queries that name their workspace, and PostgreSQL's own."""

import threading

import pytest
from django.apps import apps
from django.db import connection, connections, transaction
from django.db.utils import DatabaseError

from galaxy.core import audit
from galaxy.core.members import scope_of
from galaxy.core.models import AuditDetail, AuditEvent, HistoryRow, Membership, RoleGroup, Workspace
from galaxy.core.scope import in_scope, workspace_scope
from tests.factories import make_user


def _walled_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'"
            " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped"
        )
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.asvs("8.4.1")
def test_every_table_with_a_workspace_has_a_forced_wall(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
        walled = {name for (name,) in cursor.fetchall()}
    tables = _walled_tables()
    assert len(tables) > 20
    assert set(tables) - walled == set()
    assert "core_workspace" in walled


def test_every_index_of_a_walled_table_begins_with_the_workspace(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.relname, i.relname, a.attname FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid"
            " JOIN pg_class i ON i.oid = x.indexrelid"
            " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]"
            " WHERE t.relname = ANY(%s)",
            [_walled_tables()],
        )
        rows = cursor.fetchall()
    by_key = {(table, "id") for table, _, _ in rows}
    # Keys by id, one-to-one columns and hashes of secrets are how PostgreSQL keeps identity; nobody lists by them.
    # What is public as well as private is found by its name or its digest, whosever it is; a review is read by all.
    shared = {"registry_extension", "registry_version", "registry_versionfile", "registry_versionsignature"}
    shared |= {"marketplace_review", "marketplace_listing", "marketplace_card"}
    # A submission belongs to two workspaces: whose it is, and who decides it.
    by_key |= {("marketplace_submission", "desk_id")}
    unique_alone = {"run_id", "installation_id", "connection_id", "group_id", "user_id", "token_hash", "digest"}
    unique_alone.add("listing_id")  # of what is kept for a listing
    unique_alone.add("address")  # of a webhook: whoever comes there knows of no workspace
    wrong = [
        row
        for row in rows
        if row[0] not in shared
        and row[2] != "workspace_id"
        and (row[0], row[2]) not in by_key
        and row[2] not in unique_alone
    ]
    assert wrong == []


@pytest.mark.asvs("8.4.1", "13.2.2")
def test_the_application_role_can_neither_bypass_walls_nor_change_tables(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
            " WHERE rolname = current_user"
        )
        name, *powers = cursor.fetchone()
    assert (name, powers) == ("galaxy_app", [False] * 4)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mine (id integer)")


def test_the_application_role_cannot_make_the_owner_migrate_again(db):
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations")


@pytest.mark.asvs("8.4.1")
def test_without_a_scope_nothing_is_seen(cast):
    assert [model.objects.count() for model in (Workspace, Membership, RoleGroup, AuditEvent, HistoryRow)] == [0] * 5


def test_a_scope_shows_its_workspace_and_no_other(cast):
    with workspace_scope([cast["tidewater"].pk]):
        assert {event.workspace_id for event in AuditEvent.objects.all()} == {cast["tidewater"].pk}
        assert list(Workspace.objects.all()) == [cast["tidewater"]]


def test_a_person_sees_their_own_memberships_before_any_workspace_is_in_scope(cast):
    with workspace_scope(user=cast["admin"].pk):
        assert [membership.role for membership in Membership.objects.all()] == ["admin"]
        assert list(Workspace.objects.all()) == [cast["meridian"]]


@pytest.mark.asvs("8.4.1")
def test_a_row_cannot_be_written_into_a_foreign_workspace(cast):
    with (
        workspace_scope([cast["meridian"].pk]),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
    ):
        Membership.objects.create(workspace=cast["tidewater"], user=cast["admin"], role="owner")


def test_a_rollback_does_not_leave_a_stale_scope_behind(cast):
    with workspace_scope([cast["meridian"].pk]):
        with pytest.raises(RuntimeError), transaction.atomic():
            Workspace.objects.count()
            with workspace_scope([cast["tidewater"].pk]):
                assert list(Workspace.objects.all()) == [cast["tidewater"]]
                raise RuntimeError
        assert list(Workspace.objects.all()) == [cast["meridian"]]


def test_a_stream_keeps_its_scope_and_leaks_it_to_nobody(cast):
    with workspace_scope([cast["meridian"].pk]):
        names = (workspace.name.encode() for workspace in Workspace.objects.all())
    stream = in_scope(names, ("", "{" + str(cast["meridian"].pk) + "}"))
    assert next(stream) == b"Meridian"
    assert Workspace.objects.count() == 0


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_new_thread_sees_nothing(cast):
    seen = []

    def look():
        seen.append(Workspace.objects.count())
        connections.close_all()

    with workspace_scope([cast["meridian"].pk]):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [0]


@pytest.mark.asvs("16.4.2")
def test_the_trail_cannot_be_changed_or_cut(workspace):
    for statement in (
        "UPDATE core_auditevent SET action = 'x.y'",
        "DELETE FROM core_auditevent",
        "TRUNCATE core_auditevent",
        "DELETE FROM core_auditdetail",
    ):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)
    assert AuditEvent.objects.count() > 0


@pytest.mark.asvs("16.4.2")
@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_not_even_the_owner_of_the_table_changes_an_event(cast):
    with (
        workspace_scope([cast["meridian"].pk]),
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(using="owner"),
    ):
        connections["owner"].cursor().execute("UPDATE core_auditevent SET action = 'x.y'")


def test_the_trail_is_partitioned_and_its_partitions_are_shut_to_the_application(workspace):
    event = AuditEvent.objects.first()
    partition = f"core_auditevent_{event.occurred_at:%Y_%m}"
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(f"SELECT count(*) FROM {partition}")


def test_each_field_of_an_event_is_committed_to_with_its_own_salt(workspace, admin):
    with transaction.atomic():
        event = audit.record("thing.changed", actor=admin, target=workspace, before={"name": "a"}, after={"name": "b"})
    detail = AuditDetail.objects.get(event_id=event.pk)
    salt = bytes(detail.salt)
    assert {"before.name", "after.name", "actor.chain", "action"} <= set(event.commitments)
    for name, value in detail.fields.items():
        assert audit.commitment(salt, name, value) == event.commitments[name]
    assert audit.commitment(salt, "after.name", "c") != event.commitments["after.name"]
    assert audit.field_salt(salt, "before.name") != audit.field_salt(salt, "after.name")


def test_an_event_outside_the_transaction_of_its_change_is_refused(transactional_db):
    with pytest.raises(transaction.TransactionManagementError):
        audit.record("thing.changed", actor=None, target=make_user())


def test_grants_and_memberships_keep_every_state_they_had(workspace, member):
    rows = HistoryRow.objects.filter(kind="core_membership", row__user_id=str(member.pk))
    assert [row.row["role"] for row in rows] == ["member"]
    Membership.objects.filter(user=member).update(role="creator")
    # Within one transaction a state that held for no time is overwritten, not kept.
    assert [row.row["role"] for row in rows.all()] == ["creator"]
    assert HistoryRow.objects.filter(kind="guardian_groupobjectpermission").exists()
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        HistoryRow.objects.all().delete()


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_history_answers_as_of_a_moment(cast):
    with workspace_scope([cast["meridian"].pk]):
        row = Membership.objects.get(user=cast["member"])
        states = HistoryRow.objects.filter(kind="core_membership", row_id=str(row.pk))
        moment = states.get().during.lower
        Membership.objects.filter(pk=row.pk).update(role="creator")
        Membership.objects.filter(pk=row.pk).delete()
        assert [state.row["role"] for state in states.as_of(moment)] == ["member"]
        assert sorted(state.row["role"] for state in states) == ["creator", "member"]
        assert not states.filter(during__endswith=None).exists()


def test_scope_of_opens_every_workspace_of_a_person(cast):
    with scope_of(cast["stranger"]):
        assert list(Workspace.objects.all()) == [cast["tidewater"]]


def test_no_model_of_ours_forgets_its_workspace(db):
    globals_ = {
        "User",
        "Workspace",
        "Extension",
        "Version",
        "VersionFile",
        "VersionFigure",
        "KnownName",
        "PublicEntry",
        "Word",
        "Lowering",
        "Shortfall",
        "VersionDay",
        "ToldDay",
        "InstallDay",
        "Reached",
        "Widespread",
        "PublisherMember",
        "SigningKey",
        "Quarantine",
        "BundleSource",
        "AuditKey",
        "Home",
    }
    ours = {"core", "registry", "policies", "sandbox", "marketplace"}
    for model in apps.get_models():
        if model._meta.app_label in ours and model.__name__ not in globals_:
            assert any(field.name == "workspace" for field in model._meta.fields), model
