"""Going back to another version: what is looked at first, what is refused, and the event and pin that come of it."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.permissions import NotGranted, grant
from registry.errors import AlreadyRemoved, ConsentNeeded, NotInstallable
from registry.manifests import load
from registry.models import Connection, Pin, Version
from registry.reading import pin_states
from registry.rollback.checks import checks_of
from registry.rollback.services import NotSeen, NoWayBack, roll_back
from registry.rollback.targets import last_good, nearest_good, targets_of, why_never
from registry.services import install, move_pin, uninstall
from tests.playhouse import staged
from tests.registry.samples import action, connector, manifest_of, pack, publish

WHY = "Notes are written twice."


@pytest.fixture
@staged
def held(workspace, admin):
    """At 1.2.0, and at 1.0.0 before; 1.1.0 was never held here. Within one transaction history keeps the last alone."""
    first = publish(connector("acme", "1.0.0"))
    publish(connector("acme", "1.1.0"))
    newest = publish(connector("acme", "1.2.0", action() + action(id="add_note")))
    one = install(workspace, first.extension, version=first, actor=admin)
    move_pin(one, version=newest, actor=admin)
    one.refresh_from_db()
    return one


def of(installation, number: str) -> Version:
    return installation.extension.versions.get(number=number)


def url_of(installation) -> str:
    return reverse("registry:rollback", args=[installation.workspace.slug, installation.pk])


def codes(installation, number: str) -> dict[str, str]:
    asked_by = installation.installed_by
    return {check.code: check.tone for check in checks_of(installation, of(installation, number), asked_by)}


def test_a_rollback_is_a_new_event_with_its_reason(held, admin):
    pin = roll_back(held, version=of(held, "1.0.0"), actor=admin, reason=f"  {WHY}\n")
    assert (pin.version.number, pin.digest, pin.reason, pin.pinned_by) == (
        "1.0.0", of(held, "1.0.0").digest, WHY, admin,
    )  # fmt: skip
    event = AuditEvent.objects.get(action="pin.rolled_back")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert (fields["before.version"], fields["after.version"], fields["data.reason"]) == ("1.2.0", "1.0.0", WHY)
    assert pin_states(held)[0].reason == WHY


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 301])
def test_it_takes_a_reason(held, admin, reason):
    with pytest.raises(Invalid, match="has a reason"):
        roll_back(held, version=of(held, "1.0.0"), actor=admin, reason=reason)
    assert Pin.objects.get().version.number == "1.2.0"


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_what_was_held_before_comes_first_and_one_click_goes_back_to_it(client_of, held, admin):
    """Real transactions, so that history has both states."""
    assert [version.number for version in targets_of(held)] == ["1.0.0", "1.1.0"]
    assert last_good(held) == of(held, "1.0.0")
    client = client_of(admin)
    assert "Roll back to 1.0.0" in client.get(held.get_absolute_url()).text
    page = client.get(url_of(held))  # no version named: the one that was held before
    assert "Roll Acme back to 1.0.0" in page.text
    client.post(url_of(held), {"reason": WHY})
    states = [(state.version.number, state.came, state.reason) for state in pin_states(held)]
    assert states == [("1.0.0", "rolled_back", WHY), ("1.2.0", "moved", ""), ("1.0.0", "installed", "")]
    held.refresh_from_db()
    assert last_good(held) == of(held, "1.2.0")  # and forward again, to what was held a moment ago
    Version.objects.filter(number="1.2.0").update(status="yanked")
    assert last_good(held) is None


def test_nobody_goes_back_to_what_was_yanked_and_the_nearest_good_one_is_named(client_of, held, admin):
    Version.objects.filter(number="1.0.0").update(status="yanked")
    with pytest.raises(NoWayBack, match=r"Acme 1\.0\.0 was yanked.*nearest good version is 1\.1\.0"):
        roll_back(held, version=of(held, "1.0.0"), actor=admin, reason=WHY)
    page = client_of(admin).get(url_of(held), {"to": of(held, "1.0.0").digest})
    assert "Nobody goes back to 1.0.0." in page.text and "Look at 1.1.0…" in page.text
    assert '<form class="card"' not in page.text
    Version.objects.filter(number="1.1.0").update(status="yanked")
    with pytest.raises(NoWayBack, match="no other version to go back to"):
        roll_back(held, version=of(held, "1.0.0"), actor=admin, reason=WHY)


def test_quarantine_and_an_end_that_has_come_are_no_way_back(held, monkeypatch):
    version, now = of(held, "1.0.0"), timezone.now()
    monkeypatch.setattr(version, "ends_on", (now - timedelta(days=1)).date(), raising=False)
    assert "came to its end" in why_never(version, now)
    assert why_never(version, now - timedelta(days=3)) == ""
    monkeypatch.setattr(version, "ends_on", None, raising=False)
    monkeypatch.setattr(version, "quarantine", "stopped", raising=False)
    assert "in quarantine" in why_never(version, now)


def test_a_deprecated_version_may_be_gone_back_to(held, admin):
    Version.objects.filter(number="1.0.0").update(status="deprecated")
    assert codes(held, "1.0.0")["deprecated"] == "care"
    assert roll_back(held, version=of(held, "1.0.0"), actor=admin, reason=WHY).version.number == "1.0.0"


def test_the_nearest_good_one_is_below_where_there_is_one(held):
    newer = publish(connector("acme", "1.3.0", action() + action(id="add_note")))
    assert nearest_good(held, newer).number == "1.1.0"
    assert nearest_good(held, of(held, "1.0.0")).number == "1.1.0"


def test_what_is_no_version_to_go_back_to_is_refused(held, admin):
    newer, other = publish(connector("acme", "2.0.0")), publish(connector("other"))
    for version in (newer, other, of(held, "1.2.0")):
        with pytest.raises(NotInstallable):
            roll_back(held, version=version, actor=admin, reason=WHY)
    uninstall(held, actor=admin)
    with pytest.raises(AlreadyRemoved):
        roll_back(held, version=of(held, "1.0.0"), actor=admin, reason=WHY)


def test_what_a_pack_needs_stops_it_until_somebody_who_may_install_says_they_saw_it(workspace, held, admin, member):
    version = publish(pack(wanted="^1.1"))
    install(workspace, version.extension, version=version, actor=admin)
    assert codes(held, "1.0.0")["packs"] == "bad"
    back = of(held, "1.0.0")
    with pytest.raises(NotSeen, match="Keep things would stop"):
        roll_back(held, version=back, actor=admin, reason=WHY)
    grant("registry.pin_installation", member, held)
    with pytest.raises(NotGranted):
        roll_back(held, version=back, actor=member, reason=WHY, accepted=["packs"])
    assert roll_back(held, version=back, actor=admin, reason=WHY, accepted=["packs"]).version == back


def test_a_pack_that_calls_what_the_older_one_lacks_is_named(workspace, held, admin):
    text = pack().canonical_text.replace('"acme.create_thing"', '"acme.add_note"')
    version = publish(load(json.loads(text)))
    install(workspace, version.extension, version=version, actor=admin)
    check = next(one for one in checks_of(held, of(held, "1.0.0"), admin) if one.code == "packs")
    assert "calls add_note, which 1.0.0 does not have" in check.text


def test_who_may_only_pin_goes_back_to_what_asks_for_no_more(held, member):
    back = of(held, "1.0.0")
    with pytest.raises(NotGranted):
        roll_back(held, version=back, actor=member, reason=WHY)
    grant("registry.pin_installation", member, held)
    assert roll_back(held, version=back, actor=member, reason=WHY).pinned_by == member


def test_what_asked_for_more_is_agreed_to_anew(workspace, admin):
    wide = publish(connector("acme", "1.0.0", action() + action(id="drop", scope="things.delete", method="DELETE")))
    one = install(workspace, wide.extension, version=wide, actor=admin)
    move_pin(one, version=publish(connector("acme", "2.0.0")), actor=admin)
    one.refresh_from_db()
    assert one.scopes == ["things.write"] and codes(one, "1.0.0")["permissions"] == "bad"
    with pytest.raises(ConsentNeeded):
        roll_back(one, version=wide, actor=admin, reason=WHY)
    roll_back(one, version=wide, actor=admin, reason=WHY, agreed=["things.delete"])
    one.refresh_from_db()
    assert one.scopes == ["things.delete", "things.write"]


def test_a_connection_is_closed_only_where_it_must_be(workspace, held, admin):
    Connection.objects.update(status="authenticated")
    assert codes(held, "1.0.0")["connection"] == "ok"
    otherwise = connector("acme", "0.9.0").canonical_text.replace('"type":"api_key"', '"type":"bearer"')
    publish(manifest_of(otherwise))
    assert codes(held, "0.9.0")["connection"] == "care"
    roll_back(held, version=of(held, "1.0.0"), actor=admin, reason=WHY)
    assert Connection.objects.get().status == "authenticated"
    held.refresh_from_db()
    roll_back(held, version=of(held, "0.9.0"), actor=admin, reason=WHY)
    assert Connection.objects.get().status == "unauthenticated"


def test_the_page_says_what_does_not_go_back_and_one_click_does_the_rest(client_of, held, admin):
    client = client_of(admin)
    page = client.get(url_of(held), {"to": of(held, "1.0.0").digest})
    assert "Roll Acme back to 1.0.0" in page.text and "The pin moves from 1.2.0 to 1.0.0" in page.text
    assert "1.0.0 does not have add_note" in page.text
    answer = client.post(url_of(held), {"to": of(held, "1.0.0").digest, "reason": ""})
    assert answer.status_code == 422 and Pin.objects.get().version.number == "1.2.0"
    answer = client.post(url_of(held), {"to": of(held, "1.0.0").digest, "reason": WHY}, follow=True)
    assert answer.redirect_chain == [(held.get_absolute_url(), 302)]
    assert "is held at 1.0.0 again." in answer.text and f"“{WHY}”" in answer.text


def test_a_get_moves_nothing_and_others_find_nothing(client_of, held, member, stranger):
    assert client_of(stranger).get(url_of(held)).status_code == 404
    back = {"to": of(held, "1.0.0").digest}
    assert "Needs “" in client_of(member).get(url_of(held), back).text
    assert client_of(member).post(url_of(held), back | {"reason": WHY}).status_code == 403
    for digest in ("nonsense", held.pin.digest):
        assert client_of(member).get(url_of(held), {"to": digest}).status_code == 404
    assert Pin.objects.get().version.number == "1.2.0"


def test_what_was_never_moved_has_no_way_back(client_of, workspace, admin):
    version = publish(connector("alone"))
    one = install(workspace, version.extension, version=version, actor=admin)
    assert client_of(admin).get(url_of(one)).status_code == 404
    assert url_of(one) not in client_of(admin).get(one.get_absolute_url()).text
