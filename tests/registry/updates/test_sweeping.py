"""The sweep takes what is due, once, in the name of whoever chose it, and never what asks for more."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from galaxy.core.members.people import change_role
from galaxy.core.models import AuditDetail, AuditEvent, Membership, Notification, RoleGroup
from galaxy.core.permissions import NotGranted
from registry import gates
from registry.errors import AlreadyPublished, HeldHere, NotInstallable
from registry.models import Hold, Pin, Version
from registry.services import install, move_pin, publish_version
from registry.updates import plan
from registry.updates.deciding import State
from registry.updates.rules import AlreadyHeld, end_lapsed_holds, hold, release, set_defaults, set_updates
from registry.updates.skipping import NoSecurityFix, SecondPersonNeeded, skip_wait
from registry.updates.sweeping import take_due_updates
from tests.playhouse import staged
from tests.registry.samples import action, connector, manifest_of, pack, publish

WIDE_HOST = (
    "connector: acme\nversion: {number}\nname: Acme\nsummary: Keeps things.\nauth: {{ type: api_key }}\n"
    "base_url: https://api.acme.example\negress: [{{ host: api.acme.example }}, {{ host: files.acme.example }}]\n"
    "actions:" + action().replace("{", "{{").replace("}", "}}")
)
LATER = timedelta(days=30)


@pytest.fixture
@staged
def held(workspace, admin):
    version = publish(connector("acme", "1.2.0"))
    return install(workspace, version.extension, version=version, actor=admin)


@pytest.fixture
def minor(workspace, owner):
    """Fixes and additions, after 14 days in what nobody vouches for."""
    return set_defaults(workspace, actor=owner, values={"policy": "minor"})


def number_of(one) -> str:
    return Pin.objects.select_related("version").get(installation=one).version.number


def then() -> object:
    return timezone.now() + LATER


def test_nothing_goes_forward_unless_somebody_said_so(held):
    publish(connector("acme", "1.2.1"))
    assert take_due_updates(then()) == 0
    assert (number_of(held), plan(held, then()).told.state) == ("1.2.0", State.OFF)


def test_what_is_due_is_taken_once_in_the_name_of_whoever_chose_it(held, minor, owner):
    publish(connector("acme", "1.2.1"))
    assert [take_due_updates(then()), take_due_updates(then())] == [1, 0]
    pin = Pin.objects.get(installation=held)
    assert (pin.version.number, pin.pinned_by, pin.reason) == (
        "1.2.1",
        owner,
        "Fixes and additions: taken by itself.",
    )
    event = AuditEvent.objects.get(action="pin.moved")
    chain = AuditDetail.objects.get(event_id=event.pk).fields["actor.chain"]
    assert [link["kind"] for link in chain] == ["person", "system"]
    assert Notification.objects.filter(kind="update_taken", person=owner).exists()


def test_a_release_with_a_host_more_waits_for_consent_and_the_fix_below_it_is_taken(held, minor, owner, admin):
    """F30."""
    publish(connector("acme", "1.2.1"))
    wide = publish(manifest_of(WIDE_HOST.format(number="1.3.0")))
    assert take_due_updates(then()) == 1
    assert number_of(held) == "1.2.1"
    held.pin.refresh_from_db()
    found = plan(held, then())
    assert (found.goal, found.consent.release.version) == (None, wide)
    assert "files.acme.example" in found.consent.why[0]
    for _ in range(2):
        take_due_updates(then())
    told = Notification.objects.filter(kind="update_consent", person=admin)
    assert (told.count(), number_of(held)) == (1, "1.2.1")
    told.update(read_at=timezone.now())
    take_due_updates(then())
    assert not told.unread().exists()  # the same news again is no news
    publish(manifest_of(WIDE_HOST.format(number="1.4.0")))
    take_due_updates(then())
    assert told.unread().exists()


@pytest.mark.parametrize("takes_code", [False, True])
def test_new_code_is_taken_without_its_new_scopes_where_that_was_chosen(takes_code, held, workspace, owner):
    """F31."""
    set_defaults(workspace, actor=owner, values={"policy": "minor", "takes_code": takes_code})
    publish(connector("acme", "1.3.0", action() + action(id="drop_thing", scope="things.delete", method="DELETE")))
    take_due_updates(then())
    held.refresh_from_db()
    assert number_of(held) == ("1.3.0" if takes_code else "1.2.0")
    assert held.scopes == ["things.write"]


def test_new_code_is_not_taken_where_something_that_runs_now_would_stop(held, workspace, owner):
    set_defaults(workspace, actor=owner, values={"policy": "minor", "takes_code": True})
    publish(connector("acme", "1.3.0", action(scope="things.delete")))
    assert take_due_updates(then()) == 0
    assert plan(held, then()).told.state == State.CONSENT


def test_data_classes_and_fields_that_would_be_sent_stop_it_too(held, minor):
    noted = "owner: email?, note: string?"
    publish(connector("acme", "1.3.0", action().replace("owner: email?", noted)))
    publish(connector("acme", "1.4.0", action().replace("owner: email?", f"{noted}, mobile: phone?")))
    newest, older = plan(held, then()).verdicts
    assert (newest.state, older.state) == (State.CONSENT, State.CONSENT)
    assert "may be sent note as well" in older.why[0]
    assert "handles phone as well" in newest.why[0]


@pytest.mark.parametrize("status", ["deprecated", "yanked"])
def test_what_its_publisher_took_back_is_never_a_goal(status, held, minor):
    version = publish(connector("acme", "1.2.1"))
    Version.objects.filter(pk=version.pk).update(status=status)
    assert take_due_updates(then()) == 0
    assert plan(held, then()).verdicts == ()


def test_the_wait_goes_by_the_level_and_the_installation_may_say_otherwise(held, minor, owner):
    publish(connector("acme", "1.2.1"))
    assert plan(held).why == ("In its 14-day wait, 14 days to go.",)
    set_updates(held, actor=owner, values={"waiting_days": 2})
    assert plan(held).why == ("In its 2-day wait, 2 days to go.",)
    assert plan(held).rules.policy == "minor"  # each part by itself falls back to the workspace's
    assert take_due_updates(timezone.now() + timedelta(days=1)) == 0
    assert take_due_updates(timezone.now() + timedelta(days=2)) == 1


def test_day_six_of_seven_takes_nothing_and_a_flagged_fix_with_two_people_is_taken(held, minor, owner, admin):
    """F82."""
    set_updates(held, actor=owner, values={"waiting_days": 7})
    fix = publish(connector("acme", "1.2.1"), security_fix="Reads no foreign things any more.")
    day_six = fix.published_at + timedelta(days=6)
    assert take_due_updates(day_six) == 0
    skip_wait(held, fix, actor=admin, reason="It is being used.")
    assert take_due_updates(day_six) == 0
    with pytest.raises(SecondPersonNeeded):
        skip_wait(held, fix, actor=admin)
    assert Notification.objects.filter(kind="update_skip_asked", person=owner).unread().exists()
    skip_wait(held, fix, actor=owner)
    assert take_due_updates(day_six) == 1
    assert number_of(held) == "1.2.1"
    said = AuditEvent.objects.filter(action__startswith="update_wait.").order_by("pk").values_list("action", flat=True)
    assert list(said) == ["update_wait.skip_asked", "update_wait.skipped"]


def test_only_a_flagged_fix_skips_its_wait_and_not_by_its_author(held, admin, member):
    plain = publish(connector("acme", "1.2.1"))
    with pytest.raises(NoSecurityFix):
        skip_wait(held, plain, actor=admin, reason="Now.")
    own = publish(connector("acme", "1.2.2"), security_fix="A hole.", published_by=admin)
    with pytest.raises(SecondPersonNeeded):
        skip_wait(held, own, actor=admin, reason="Now.")
    with pytest.raises(NotGranted):
        skip_wait(held, own, actor=member, reason="Now.")
    with pytest.raises(NotInstallable):
        skip_wait(held, publish(connector("other")), actor=admin, reason="Now.")


def test_a_hold_keeps_it_until_it_is_let_go_or_over(held, minor, owner, admin):
    publish(connector("acme", "1.2.1"))
    hold(held, actor=admin, reason="Quarter end: no changes before 1 December.")
    assert take_due_updates(then()) == 0
    assert "Quarter end" in plan(held, then()).why[0]
    with pytest.raises(HeldHere, match="Quarter end"):
        move_pin(held, version=Version.objects.get(number="1.2.1"), actor=admin)
    move_pin(held, version=publish(connector("acme", "1.1.0")), actor=admin)  # going back stays possible
    with pytest.raises(AlreadyHeld):
        hold(held, actor=owner, reason="Again.")
    release(held, actor=owner)
    until = timezone.now() + timedelta(days=1)
    hold(held, actor=admin, reason="For a day.", until=until)
    assert plan(held, until).is_due is False and plan(held, then()).is_due  # by the clock, whoever sweeps when
    assert end_lapsed_holds(until) == 1
    assert not Hold.objects.exists()
    assert take_due_updates(then()) == 1
    told = AuditEvent.objects.filter(action__startswith="installation.").exclude(action="installation.created")
    assert sorted(told.values_list("action", flat=True)) == [
        "installation.held",
        "installation.held",
        "installation.released",
        "installation.released",
    ]


def test_a_pack_that_would_stop_stands_in_the_way(held, workspace, owner, admin):
    set_defaults(workspace, actor=owner, values={"policy": "latest"})
    needing = publish(pack(wanted="~1.2"))
    install(workspace, needing.extension, version=needing, actor=admin)
    publish(connector("acme", "1.3.0"))
    assert take_due_updates(then()) == 0
    assert plan(held, then()).why == ("1 pack here takes ~1.2 of it, and would not run.",)


def test_once_whoever_chose_it_may_not_move_it_nothing_moves_and_others_are_told(held, workspace, owner, admin):
    set_defaults(workspace, actor=admin, values={"policy": "minor"})
    publish(connector("acme", "1.2.1"))
    change_role(Membership.objects.get(user=admin), to=RoleGroup.objects.get(role="member"), actor=owner)
    assert take_due_updates(then()) == 0
    assert "may not move it any more" in Notification.objects.get(kind="update_blocked", person=owner).note


def test_where_a_rule_wants_a_yes_nothing_is_taken_without_it(held, minor, owner, monkeypatch):
    refuse = SimpleNamespace(outlook=lambda steps, may: gates.Outlook(("Upgrades ask a person.",)), check=None)
    monkeypatch.setattr(gates, "_gates", [refuse])
    publish(connector("acme", "1.2.1"))
    assert take_due_updates(then()) == 0
    assert "Upgrades ask a person." in Notification.objects.get(kind="update_blocked", person=owner).note


def test_a_number_stands_for_its_bytes_for_ever(db):
    publish(connector("acme", "1.0.0"))
    with pytest.raises(AlreadyPublished):
        publish_version(connector("acme", "1.0.0", summary="Other bytes."), publisher="Orbit Works")
