"""Grants on single objects: given and taken on the object's page and the person's, and lists that stay in SQL."""

import time

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from guardian.models import UserObjectPermission

from galaxy.core.errors import Invalid
from galaxy.core.members import add_member, grant_on, revoke_on
from galaxy.core.members.people import change_role
from galaxy.core.members.roles import create_role
from galaxy.core.models import AuditEvent, HistoryRow, Membership, RoleGroup, User
from galaxy.core.permissions import NotGranted, can
from galaxy.core.scope import workspace_scope
from registry.models import Connection, Extension, Installation, Pin
from sandbox.models import Issue
from tests.extensions import PROBE, installed, publish
from tests.factories import make_user
from tests.playhouse import staged


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


def url(name, workspace) -> str:
    return reverse(f"core:{name}", args=[workspace.slug])


def form(obj, act, to, **more) -> dict:
    return {"object": f"{obj._meta.label_lower}|{obj.pk}", "act": act, "to": to, **more}


@pytest.mark.parametrize("act", ["run_installation", "write_installation", "pin_installation", "view_installation"])
def test_a_grant_to_a_person_and_its_end(client_of, workspace, admin, auditor, probe, act):
    page = probe.get_absolute_url()
    sent = form(probe, act, auditor.email.upper(), next=page)
    answer = client_of(admin).post(url("grant-create", workspace), sent)
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert can(auditor, f"registry.{act}", probe)
    body = client_of(admin).get(page).content.decode()
    assert f'value="user:{auditor.pk}"' in body
    event = AuditEvent.objects.get(action="grant.created")
    assert (event.actor_id, event.target_id) == (str(admin.pk), str(probe.pk))

    client_of(admin).post(url("grant-revocation", workspace), form(probe, act, f"user:{auditor.pk}"))
    assert not UserObjectPermission.objects.filter(user=auditor).exists()
    assert AuditEvent.objects.filter(action="grant.revoked").count() == 1


def test_a_grant_by_address_reaches_nobody_spelt_alike(client_of, workspace, admin, probe):
    alike = make_user("Alike", "m\u0131ke@example.test")
    add_member(workspace, user=alike, role="auditor", actor=admin)
    answer = client_of(admin).post(
        url("grant-create", workspace), form(probe, "write_installation", "mike@example.test")
    )
    assert answer.status_code == 404
    assert not can(alike, "registry.write_installation", probe)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_history_keeps_a_grant_that_is_gone(cast):
    workspace, admin, auditor = cast["meridian"], cast["admin"], cast["auditor"]
    with workspace_scope([workspace.pk]):
        probe = installed(workspace, admin, PROBE)[0]
        grant_on(probe, perm="registry.run_installation", user=auditor, actor=admin)
        revoke_on(probe, perm="registry.run_installation", user=auditor, actor=admin)
        state = HistoryRow.objects.get(kind="guardian_userobjectpermission")
        assert state.row["object_pk"] == str(probe.pk) and state.during.upper > state.during.lower


def test_a_grant_to_a_role_by_its_name(client_of, workspace, admin, auditor, probe):
    client_of(admin).post(url("grant-create", workspace), form(probe, "run_installation", "auditor"))
    assert can(auditor, "registry.run_installation", probe)
    body = client_of(admin).get(probe.get_absolute_url()).content.decode()
    role = RoleGroup.objects.get(role="auditor")
    assert f'value="role:{role.pk}"' in body
    client_of(admin).post(url("grant-revocation", workspace), form(probe, "run_installation", f"role:{role.pk}"))
    assert not can(auditor, "registry.run_installation", probe)


def test_given_twice_it_is_one_grant_and_one_event(workspace, admin, auditor, probe):
    for _ in range(2):
        grant_on(probe, perm="registry.run_installation", user=auditor, actor=admin)
    assert UserObjectPermission.objects.filter(user=auditor).count() == 1
    assert AuditEvent.objects.filter(action="grant.created").count() == 1
    for _ in range(2):
        revoke_on(probe, perm="registry.run_installation", user=auditor, actor=admin)
    assert AuditEvent.objects.filter(action="grant.revoked").count() == 1


def test_nobody_gives_what_they_lack(workspace, owner, auditor, member, probe):
    helper = create_role(workspace, name="Helper", permissions={"manage_member", "view_installation"}, actor=owner)
    user = make_user("Helper")
    add_member(workspace, user=user, role=helper, actor=owner)
    grant_on(probe, perm="registry.view_installation", user=auditor, actor=user)
    with pytest.raises(NotGranted):
        grant_on(probe, perm="registry.write_installation", user=auditor, actor=user)
    with pytest.raises(NotGranted):
        grant_on(probe, perm="registry.run_installation", user=auditor, actor=member)


def test_nobody_keeps_for_themselves_by_name_what_a_role_gave_them(client_of, workspace, owner, admin, probe):
    """It would outlive the role: an admin about to be demoted could stay one."""
    client = client_of(admin)
    for obj, act in ((workspace, "manage_member"), (probe, "write_installation")):
        answer = client.post(url("grant-create", workspace), form(obj, act, admin.email))
        assert answer.status_code == 403 and "somebody else gives it" in answer.content.decode()
    change_role(Membership.objects.get(user=admin), to=RoleGroup.objects.get(role="member"), actor=owner)
    assert not can(admin, "core.manage_member", workspace) and not can(admin, "registry.write_installation", probe)


def test_somebody_from_outside_gets_nothing(client_of, workspace, admin, stranger, probe):
    with pytest.raises(Invalid, match="not a member"):
        grant_on(probe, perm="registry.run_installation", user=stranger, actor=admin)
    answer = client_of(admin).post(url("grant-create", workspace), form(probe, "run_installation", stranger.email))
    assert answer.status_code == 404 and not UserObjectPermission.objects.exists()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"act": "delete_installation"}, 404),
        ({"act": "install_extension"}, 404),
        ({"act": "x y"}, 422),
        ({"object": "registry.installation|nonsense"}, 422),
        ({"object": "core.user|00000000-0000-0000-0000-000000000000"}, 404),
        ({"object": "registry.installation|00000000-0000-0000-0000-000000000000"}, 404),
        ({"to": "user:nonsense"}, 422),
        ({"to": "user:00000000-0000-0000-0000-000000000000"}, 404),
        ({"to": ""}, 422),
    ],
)
def test_bad_forms_give_nothing(client_of, workspace, admin, auditor, probe, change, status):
    sent = form(probe, "run_installation", auditor.email) | change
    assert client_of(admin).post(url("grant-create", workspace), sent).status_code == status
    assert not UserObjectPermission.objects.exists()


def test_an_object_of_another_workspace_cannot_be_granted(client_of, other_workspace, stranger, probe):
    sent = form(probe, "run_installation", stranger.email)
    assert client_of(stranger).post(url("grant-create", other_workspace), sent).status_code == 404


def test_the_way_back_stays_here(client_of, workspace, admin, auditor, probe):
    sent = form(probe, "run_installation", auditor.email, next="https://evil.example/")
    assert client_of(admin).post(url("grant-create", workspace), sent)["Location"] == url("member-list", workspace)


def bulk(workspace, owner, objects, grants):
    """A person who sees nothing by role and ``grants`` of ``objects`` installations by grant: (membership, rows)."""
    version = publish(PROBE)
    extensions = Extension.objects.bulk_create(
        Extension(kind="connector", slug=f"bulk-{n:05}", name=f"Bulk {n:05}", publisher="Tests") for n in range(objects)
    )
    rows = Installation.objects.bulk_create(
        Installation(workspace=workspace, extension=extension, installed_by=owner) for extension in extensions
    )
    granted = rows[:: objects // grants]
    Pin.objects.bulk_create(
        Pin(workspace=workspace, installation=row, version=version, digest=version.digest, pinned_by=owner)
        for row in granted
    )
    nothing = create_role(workspace, name="Nothing", permissions={"view_run"}, actor=owner)
    user = make_user("Granted")
    membership = add_member(workspace, user=user, role=nothing, actor=owner)
    content_type = ContentType.objects.get_for_model(Installation)
    view = Permission.objects.get(content_type=content_type, codename="view_installation")
    UserObjectPermission.objects.bulk_create(
        UserObjectPermission(user=user, permission=view, content_type=content_type, object_pk=str(row.pk))
        for row in granted
    )
    return membership, rows


@pytest.mark.asvs("8.2.2")
def test_ten_thousand_objects_and_a_thousand_grants_are_filtered_in_sql(client_of, workspace, owner, capsys):
    """List, page and effective rights."""
    objects, grants = 10_000, 1_000
    membership, rows = bulk(workspace, owner, objects, grants)
    client = client_of(membership.user)
    seen = {}
    for name, address in {
        "list": reverse("registry:installation-list", args=[workspace.slug]),
        "list, page 20": reverse("registry:installation-list", args=[workspace.slug]) + "?page=20",
        "one": rows[0].get_absolute_url(),
        "effective": membership.get_absolute_url(),
    }.items():
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            started = time.perf_counter()
            answer = client.get(address)
            seen[name] = (len(queries), round((time.perf_counter() - started) * 1000))
        assert answer.status_code == 200
        assert len(queries) <= 30, seen  # how long they take is told here and measured by `make bench ONLY=grants`
    assert f"of {grants}" in client.get(reverse("registry:installation-list", args=[workspace.slug])).content.decode()
    assert client.get(rows[1].get_absolute_url()).status_code == 404
    with capsys.disabled():
        print(f"\n{objects} objects, {grants} grants: (queries, ms) {seen}")  # noqa: T201  (the measure is the point)


@pytest.mark.django_db(databases=["default", "owner"])  # whose tables they are gathers statistics of them
def test_the_page_of_one_object_reads_few_rows_though_statistics_know_of_none(client_of, workspace, owner):
    """As after autovacuum met the tables empty: PostgreSQL expects one row of each, and any order of joins will do.

    What is counted are rows that plans touch: they are the same on every machine, and times are not.
    """
    objects = 2_000
    with transaction.atomic():
        bulk(workspace, owner, objects, 200)
        transaction.set_rollback(True)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE registry_installation, registry_extension, registry_pin, guardian_userobjectpermission")
        cursor.execute("ANALYZE core_user, core_membership, core_user_groups, guardian_groupobjectpermission")
    membership, rows = bulk(workspace, owner, objects, 200)
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpages > 0, reltuples FROM pg_class WHERE relname = 'registry_extension'")
        assert cursor.fetchone() == (True, 0)
    client = client_of(membership.user)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(rows[0].get_absolute_url()).status_code == 200
    read = {query["sql"]: rows_read(query["sql"]) for query in queries if query["sql"].startswith("SELECT")}
    assert len(read) > 10
    worst = max(read, key=read.__getitem__)
    assert read[worst] <= 5 * objects, worst


def rows_read(sql: str) -> int:
    """How many rows the plan of a query touches, over all its scans and their repetitions."""

    def count(node: dict) -> int:
        scanned = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        own = scanned * node["Actual Loops"] if "Scan" in node["Node Type"] else 0
        return own + sum(count(inner) for inner in node.get("Plans", []))

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        return round(count(cursor.fetchone()[0][0]["Plan"]))


def test_what_is_seen_within_one_workspace_is_what_is_seen_of_it(cast, workspace, admin, owner, probe):
    """The short question, by what is known of the workspace already, answers as the one without it does."""
    other = installed(workspace, admin, PROBE.replace("connector: probe", "connector: other"))[0]
    singly, bare = make_user("Singly"), create_role(workspace, name="Bare", permissions={"view_listing"}, actor=owner)
    change_role(add_member(workspace, user=singly, role="member", actor=owner), to=bare, actor=owner)
    shared = probe.connections.get()
    Connection.objects.bulk_create(
        Connection(workspace=workspace, installation=row, name="Own", owner=person)
        for row in (probe, other)
        for person in (cast["member"], singly)
    )
    Issue.objects.bulk_create(
        Issue(workspace=workspace, installation=row, connection=one, kind="connection_exhausted", target="x")
        for row, one in ((probe, shared), (other, None), (probe, None))
    )
    people = [person for person in cast.values() if isinstance(person, User)] + [singly]
    seen = set()
    for given in (False, True):
        if given:
            grant_on(probe, perm="registry.view_installation", actor=owner, user=singly)
        for model in (Installation, Connection, Issue):
            for person in people:
                rows = model.objects.in_workspace(workspace)
                short = set(rows.visible_to(person, workspace))
                assert short == set(rows.visible_to(person)), (model, person, given)
                seen.add((model, len(short)))
    assert {0, 1, 2} <= {number for model, number in seen if model is Installation}
