"""Break-glass: staff look into a workspace with a reason, for an hour at most, read and never write, and are seen."""

from datetime import timedelta
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from galaxy.core.break_glass import (
    SecondFactorNeeded,
    SupportForbidden,
    allow_support_access,
    break_glass,
    end_break_glass,
    expire_break_glasses,
)
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import (
    AuditDetail,
    AuditEvent,
    BreakGlass,
    Membership,
    Notification,
    PermissionRequest,
    Token,
    User,
)
from galaxy.core.permissions import NotGranted, can, granted
from galaxy.core.scope import workspace_scope
from galaxy.core.sessions import BEGAN
from sandbox.models import Run
from tests.factories import make_staff, make_user
from tests.matrix.routes import table
from tests.matrix.scene import note_once, things  # noqa: F401  (a fixture)
from tests.matrix.test_matrix import address, post

LIST = "/system/break-glass/"
REASON = "Ticket 4711: a run that hangs since noon."


@pytest.fixture
def staff(workspace):
    return make_staff()


@pytest.fixture
def look(staff):
    return break_glass(slug="meridian", reason=REASON, minutes=30, actor=staff)


def url(name, *args) -> str:
    return reverse(f"core:{name}", args=["meridian", *args])


def begin(client, **changed):
    return client.post(LIST, {"workspace": "meridian", "reason": REASON, "minutes": "15"} | changed)


def events(workspace, action) -> list[AuditEvent]:
    return list(AuditEvent.objects.in_workspace(workspace).filter(action=action).order_by("pk"))


def fields_of(event) -> dict:
    return AuditDetail.objects.get(event_id=event.pk).fields


# --- Beginning -------------------------------------------------------------------------------------------------


def test_a_look_begins_with_a_reason_and_the_owners_hear_of_it_at_once(client_of, workspace, owner, admin, staff):
    client = client_of(staff)
    assert client.get(workspace.get_absolute_url()).status_code == 404
    answer = begin(client)
    assert (answer.status_code, answer["Location"]) == (302, "/w/meridian/")
    row = BreakGlass.objects.get()
    assert (row.user, row.reason, row.ends_at - row.started_at) == (staff, REASON, timedelta(minutes=15))
    [letter] = mail.outbox
    assert letter.to == [owner.email] and REASON in letter.body and url("support-access") in letter.body
    assert set(Notification.objects.values_list("person", flat=True)) == {owner.pk, admin.pk}
    [event] = events(workspace, "break_glass.opened")
    assert (event.actor_id, event.target_id) == (str(staff.pk), str(row.pk))
    assert fields_of(event)["after.reason"] == REASON
    page = client.get(answer["Location"]).content.decode()
    assert "Its owner was told by mail." in page


def test_an_old_session_proves_first_who_it_is(client_of, workspace, staff):
    client = client_of(staff)
    session = client.session
    session[BEGAN] -= 3600
    session.save()
    assert begin(client)["Location"] == "/account/proof/"
    assert not BreakGlass.objects.exists()


def test_without_a_second_factor_nobody_gets_in(client_of, workspace, staff):
    Authenticator.objects.all().delete()
    with pytest.raises(SecondFactorNeeded):
        break_glass(slug="meridian", reason=REASON, minutes=15, actor=staff)
    client = client_of(staff)
    assert begin(client).status_code == 403
    page = client.get(LIST).content.decode()
    assert "you have none" in page and 'name="reason"' not in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", ""),
        ("reason", "Too short"),
        ("reason", " " * 40),
        ("reason", "short" + " " * 40),
        ("minutes", "61"),
        ("minutes", "0"),
        ("minutes", "-5"),
        ("workspace", "nowhere"),
        ("workspace", ""),
        ("workspace", "../meridian"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(client_of, workspace, staff, field, value):
    answer = begin(client_of(staff), **{field: value})
    assert answer.status_code == 422
    assert f'id="id_{field}"' in answer.content.decode() and "aria-invalid" in answer.content.decode()
    assert not BreakGlass.objects.exists()


@pytest.mark.asvs("8.3.1")
@pytest.mark.parametrize(("reason", "minutes"), [("Too short", 15), (REASON, 61), (REASON, 0)])
def test_the_service_knows_its_limits_itself(workspace, staff, reason, minutes):
    with pytest.raises(Invalid):
        break_glass(slug="meridian", reason=reason, minutes=minutes, actor=staff)


@pytest.mark.parametrize("name", ["owner", "admin", "auditor", "member", "stranger"])
def test_nobody_but_staff_breaks_glass(cast, client_of, workspace, name):
    Authenticator.objects.create(user=cast[name], type=Authenticator.Type.TOTP, data={"secret": "unused"})
    with pytest.raises(PermissionDenied):
        break_glass(slug="meridian", reason=REASON, minutes=15, actor=cast[name])
    assert begin(client_of(cast[name])).status_code == 403


def test_a_member_needs_none(workspace, staff, owner):
    from galaxy.core.members import add_member

    add_member(workspace, user=staff, role="member", actor=owner)
    with pytest.raises(Invalid, match="member"):
        break_glass(slug="meridian", reason=REASON, minutes=15, actor=staff)


def test_there_is_one_at_a_time(workspace, staff, look):
    with pytest.raises(Conflict):
        break_glass(slug="meridian", reason=REASON, minutes=15, actor=staff)
    now = timezone.now()
    with pytest.raises(IntegrityError, match="breakglass_one_at_a_time"), transaction.atomic():
        BreakGlass.objects.create(
            workspace=workspace, user=staff, reason=REASON, started_at=now, ends_at=now + timedelta(minutes=5)
        )


@pytest.mark.asvs("8.3.1")
@pytest.mark.parametrize(
    ("constraint", "changed"),
    [
        ("breakglass_lasts_an_hour_at_most", {"ends_at": timedelta(minutes=60, seconds=1)}),
        ("breakglass_lasts_an_hour_at_most", {"ends_at": timedelta(0)}),
        ("breakglass_lasts_an_hour_at_most", {"ends_at": timedelta(minutes=-1)}),
        ("breakglass_has_a_reason", {"reason": ""}),
        ("breakglass_has_a_reason", {"reason": "nineteen characters"}),
        ("breakglass_has_a_reason", {"reason": " " * 30}),
        ("breakglass_ends_within_its_time", {"ended_at": timedelta(minutes=31)}),
        ("breakglass_ends_within_its_time", {"ended_at": timedelta(minutes=-1)}),
        ("breakglass_ends_within_its_time", {"ended_by": True}),
    ],
)
def test_the_database_holds_the_limits_too(workspace, look, owner, constraint, changed):
    values = {
        name: look.started_at + value if isinstance(value, timedelta) else owner if value is True else value
        for name, value in changed.items()
    }
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        BreakGlass.objects.filter(pk=look.pk).update(**values)


def test_rows_of_another_workspace_are_behind_the_wall(workspace, other_workspace, staff, look):
    with workspace_scope([other_workspace.pk]):
        assert not BreakGlass.objects.exists()
    with workspace_scope(user=staff.pk):
        assert BreakGlass.objects.count() == 1, "one's own"
        assert BreakGlass.objects.filter(pk=look.pk).update(ends_at=look.ends_at + timedelta(minutes=1)) == 0


# An auditor takes the trail with them; staff look at it here.
NOT_FOR_STAFF = {"core:audit-verification", "core:export-list", "core:export-detail"}


# --- What it opens ---------------------------------------------------------------------------------------------


def test_staff_without_it_find_nothing_and_with_it_read_what_an_auditor_reads(
    client_of,
    workspace,
    things,  # noqa: F811  (the fixture, asked for)
):
    """Every route below /w/ and of the API, both ways. No form is taken, so who may do what is not even asked."""
    outside, inside = (client_of(one) for one in (make_staff(), things["look"].user))
    for client in (outside, inside):
        note_once(client)
    wrong, pages = {}, 0
    for row in table():
        where = address(row.route, things, "meridian")
        if not where.startswith(("/w/meridian/", "/api/v1/workspaces/")):
            continue
        found = []
        for client in (outside, inside):
            with transaction.atomic():
                is_post = row.method == "POST"
                found.append((post(client, row.route, where, things) if is_post else client.get(where)).status_code)
                transaction.set_rollback(True)
        if row.route.startswith("api:"):
            expected = [405, 405] if 405 in found else [404, 404]  # no such method, or no such workspace
        else:
            is_refused = row.method == "POST" or row.route in NOT_FOR_STAFF
            expected = [404, 403 if is_refused else row.answers["auditor"]]
        pages += 1
        if found != expected:
            wrong[str(row)] = (found, expected)
    assert wrong == {}
    assert pages > 60


@pytest.mark.parametrize("path", ["members/", "runs/", "approvals/", "installed/", "audit/"])
def test_each_page_is_written_before_it_is_shown(client_of, workspace, staff, look, path):
    client = client_of(staff)
    page = client.get(f"/w/meridian/{path}?q=a")
    assert page.status_code == 200 and "Each page you open is written to its trail" in page.content.decode()
    client.get(f"/w/meridian/{path}?q=a", headers={"HX-Request": "true"})
    client.get(f"/w/meridian/{path}?q=b", headers={"HX-Request": "true"})
    seen = [fields_of(event) for event in events(workspace, "break_glass.viewed")]
    assert [one["data.path"] for one in seen] == [f"/w/meridian/{path}?q=a", f"/w/meridian/{path}?q=b"]
    assert {one["target.id"] for one in seen} == {str(look.pk)}
    assert client.get(f"/w/meridian/{path}nothing.css").status_code == 404
    assert len(events(workspace, "break_glass.viewed")) == 2


def test_lists_and_single_checks_agree_without_a_query_per_row(
    workspace, staff, look, admin, django_assert_num_queries
):
    from sandbox.services import invoke
    from tests.extensions import PROBE, installed

    installed(workspace, admin, PROBE)
    for number in range(5):
        invoke(workspace, actor=admin, target="probe.create", inputs={"key": str(number)})
    with django_assert_num_queries(1):
        seen = list(Run.objects.filter(granted(staff, "view_run", Run)))
    assert len(seen) == 5
    assert can(staff, "core.view_run", seen[0]) and not can(staff, "core.write_installation", seen[0])
    assert not Run.objects.filter(granted(staff, "write_installation", Run)).exists()
    for act in ("view_run", "write_installation"):
        rows = Run.objects.in_workspace(workspace)
        assert set(rows.filter(granted(staff, act, Run, workspace))) == set(rows.filter(granted(staff, act, Run)))


def test_nothing_is_left_behind_by_what_was_tried(client_of, workspace, staff, look):
    client = client_of(staff)
    client.post(url("token-list"), {"name": "Mine", "days": "30", "permissions": ["runs.read"]})
    client.post(url("request-create"), {"ask": f"core.manage_role|core.workspace|{workspace.pk}"})
    client.post(url("support-access"), {"allows_support_access": "true"})
    assert not Token.objects.exists() and not PermissionRequest.objects.exists()
    assert client.delete(workspace.get_absolute_url()).status_code == 403


def test_nothing_is_offered_that_would_be_refused(client_of, workspace, staff, look):
    client = client_of(staff)
    page = client.get(workspace.get_absolute_url()).content.decode()
    assert "Needs “Run extensions that read”" in page
    assert 'name="ask"' not in page and url("token-list") not in page
    assert "Make token" not in client.get(url("token-list")).content.decode()


def test_the_neighbour_stays_closed(client_of, other_workspace, staff, look):
    assert client_of(staff).get(other_workspace.get_absolute_url()).status_code == 404


def test_the_band_stands_on_every_page_of_this_person_and_of_nobody_else(client_of, owner, staff, look):
    for path in ("/w/meridian/", "/w/", "/help/", LIST):
        assert "You can read" in client_of(staff).get(path).content.decode(), path
    assert "glassband" not in client_of(owner).get("/w/meridian/").content.decode()


# --- Its end ---------------------------------------------------------------------------------------------------


def shift(look, **by) -> None:
    """Move a look into the past."""
    past = timedelta(**by)
    BreakGlass.objects.filter(pk=look.pk).update(started_at=look.started_at - past, ends_at=look.ends_at - past)


def test_it_ends_by_itself_whether_anybody_sweeps_or_not(client_of, workspace, staff, look):
    client = client_of(staff)
    shift(look, minutes=29, seconds=58)
    assert client.get(workspace.get_absolute_url()).status_code == 200
    shift(look, minutes=30)
    assert client.get(workspace.get_absolute_url()).status_code == 404
    assert not can(staff, "core.view_run", workspace)
    assert not Run.objects.filter(granted(staff, "view_run", Run)).exists()
    assert not events(workspace, "break_glass.expired")
    assert expire_break_glasses() == 1
    assert expire_break_glasses() == 0
    look.refresh_from_db()
    assert look.ended_at == look.ends_at and look.ended_by is None
    [event] = events(workspace, "break_glass.expired")
    assert (event.actor_kind, event.target_id) == ("system", str(look.pk))


def test_the_sweep_leaves_alone_what_is_open(look):
    assert expire_break_glasses() == 0


def test_the_person_ends_it_early(client_of, workspace, staff, look):
    client = client_of(staff)
    assert client.post(reverse("core:break-glass-ending", args=[look.pk])).status_code == 302
    assert client.get(workspace.get_absolute_url()).status_code == 404
    assert events(workspace, "break_glass.ended")[0].actor_id == str(staff.pk)
    assert client.post(reverse("core:break-glass-ending", args=[look.pk])).status_code == 409
    assert begin(client).status_code == 302, "and may begin another"


def test_nobody_of_the_staff_ends_anothers(client_of, workspace, look):
    assert client_of(make_staff()).post(reverse("core:break-glass-ending", args=[look.pk])).status_code == 404
    look.refresh_from_db()
    assert look.is_open


def test_an_owner_ends_it_early_and_nobody_below_does(client_of, workspace, owner, admin, staff, look):
    with pytest.raises(NotGranted):
        end_break_glass(look, actor=admin)
    assert client_of(admin).post(url("support-access-ending", look.pk)).status_code == 403
    client = client_of(staff)
    assert client.get(workspace.get_absolute_url()).status_code == 200
    assert client_of(owner).post(url("support-access-ending", look.pk)).status_code == 302
    assert client.get(workspace.get_absolute_url()).status_code == 404
    assert events(workspace, "break_glass.ended")[0].actor_id == str(owner.pk)


@pytest.mark.asvs("8.3.2")
@pytest.mark.parametrize("field", ["is_staff", "is_active"])
def test_who_is_no_longer_staff_is_out_at_once(client_of, workspace, staff, look, field):
    client = client_of(staff)
    assert client.get(workspace.get_absolute_url()).status_code == 200
    setattr(staff, field, False)
    staff.save()
    assert client.get(workspace.get_absolute_url()).status_code in {302, 404}
    assert not can(staff, "core.view_run", workspace)


# --- What the workspace sees of it -----------------------------------------------------------------------------


def test_owners_and_admins_see_it_on_the_overview_while_it_lasts(client_of, owner, admin, member, look):
    for person, sees in ((owner, True), (admin, True), (member, False)):
        assert (REASON in client_of(person).get("/w/meridian/").content.decode()) is sees
    shift(look, minutes=31)
    assert REASON not in client_of(owner).get("/w/meridian/").content.decode()


def test_the_page_says_who_when_why_and_what(client_of, auditor, owner, staff, look):
    client_of(staff).get("/w/meridian/members/")
    page = client_of(auditor).get(url("support-access")).content.decode()
    assert staff.name in page and REASON in page and "/w/meridian/members/" in page and "1 page looked at" in page
    assert "End it now" not in page and 'aria-describedby="denied-support"' in page
    assert "End it now" in client_of(owner).get(url("support-access")).content.decode()
    trail = client_of(owner).get(f"/w/meridian/audit/?target={look.pk}").content.decode()
    assert "Break glass opened" in trail and "Break glass viewed" in trail


def test_nobody_has_looked_in_yet(client_of, owner, workspace):
    assert "Nobody has looked in" in client_of(owner).get(url("support-access")).content.decode()


def test_the_page_keeps_to_its_budget(client_of, workspace, owner, staff, django_assert_max_num_queries):
    for number in range(20):
        row = break_glass(slug="meridian", reason=REASON, minutes=15, actor=staff)
        client_of(staff).get(f"/w/meridian/members/?q={number}")
        end_break_glass(row, actor=owner)
    client = client_of(owner)
    client.get(url("support-access"))
    with django_assert_max_num_queries(25):
        page = client.get(url("support-access"))
    assert page.content.decode().count("1 page looked at") == 20


def test_forbidding_it_ends_what_is_open_and_lets_nobody_in(client_of, workspace, owner, staff, look):
    client = client_of(owner)
    page = client.post(url("support-access"), {"allows_support_access": "false"}, follow=True).content.decode()
    assert "Support access is forbidden. 1 that was open is over." in page
    assert client_of(staff).get(workspace.get_absolute_url()).status_code == 404
    with pytest.raises(SupportForbidden):
        break_glass(slug="meridian", reason=REASON, minutes=15, actor=staff)
    assert begin(client_of(staff)).status_code == 403
    [event] = events(workspace, "workspace.changed")
    assert fields_of(event)["after.allows_support_access"] is False


def test_allowing_it_again_needs_a_fresh_proof(client_of, workspace, owner, staff):
    allow_support_access(workspace, allowed=False, actor=owner)
    client = client_of(owner)
    session = client.session
    session[BEGAN] -= 3600
    session.save()
    assert client.post(url("support-access"), {"allows_support_access": "true"})["Location"] == "/account/proof/"
    assert client_of(owner).post(url("support-access"), {"allows_support_access": "true"}).status_code == 302
    assert break_glass(slug="meridian", reason=REASON, minutes=15, actor=staff).is_open


@pytest.mark.parametrize("name", ["admin", "approver", "creator", "auditor", "member"])
def test_only_an_owner_forbids_or_allows(cast, workspace, name):
    with pytest.raises(NotGranted):
        allow_support_access(workspace, allowed=False, actor=cast[name])


def test_a_session_without_the_person_gets_nothing(workspace, look):
    assert Client().get(workspace.get_absolute_url()).status_code == 302
    assert not Membership.objects.filter(user=look.user).exists()
    assert not can(make_user(), "core.view_run", workspace)


def test_an_operator_says_who_is_staff(client_of, workspace, member):
    assert client_of(member).get(LIST).status_code == 403
    for _ in range(2):
        call_command("staff", member.email.upper(), stdout=StringIO())
    assert client_of(member).get(LIST).status_code == 200
    call_command("staff", member.email, "--remove", stdout=StringIO())
    assert client_of(member).get(LIST).status_code == 403
    with pytest.raises(CommandError, match="Nobody signs in"):
        call_command("staff", "nobody@example.test")


def test_staff_is_whoever_was_named_and_nobody_spelt_alike(db):
    mike, alike = make_user("Mike", "mike@example.test"), make_user("Alike", "m\u0131ke@example.test")
    call_command("staff", mike.email, stdout=StringIO())
    assert list(User.objects.filter(is_staff=True)) == [mike]
    assert alike.email.upper() == mike.email.upper()  # which is why case is not left to the database
