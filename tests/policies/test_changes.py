"""Installs, upgrades and wider scopes that wait for a yes: asked for, made the moment it comes, and never otherwise."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.members.people import remove_member
from galaxy.core.models import AuditDetail, AuditEvent, Membership, Notification
from galaxy.core.permissions import NotGranted
from marketplace.services import list_extension
from policies.models import Approval, Change, Decision
from policies.services.approvals import (
    SelfApproval,
    ask_again,
    decide_approval,
    expire_approvals,
    withdraw_approval,
)
from policies.services.change_facts import NEVER
from policies.services.changes import (
    NoNeedToAsk,
    NotMember,
    ask_install,
    ask_upgrade,
    ask_widen,
    settle_decided,
)
from policies.subjects import subject_of
from registry.errors import ConsentNeeded, NothingToAgree
from registry.gates import NeedsApproval, RuledOut
from registry.models import Installation, Pin
from registry.services import install, move_pin, publish_draft, uninstall, widen
from tests.registry.samples import action, connector, pack, publish

WIDER = action() + action(id="drop_thing", scope="things.delete", method="DELETE")


@pytest.fixture
def version():
    return publish(connector("acme", "1.0.0"))


@pytest.fixture
def held(workspace, admin, version):
    return install(workspace, version.extension, version=version, actor=admin)


@pytest.fixture
def wider(held):
    return publish(connector("acme", "1.1.0", WIDER))


def test_who_may_not_install_asks_and_a_yes_installs_at_once(workspace, version, member, approver, say):
    change = ask_install(workspace, version, actor=member, reason="For the desk")
    assert (change.state, change.approval.status, Installation.objects.count()) == ("waiting", "pending", 0)
    say(change)
    there = Installation.objects.get()
    assert (change.state, change.installation, there.pin.digest) == ("made", there, version.digest)
    assert there.installed_by == member
    assert Approval.objects.get().consumed_at is not None
    event = AuditEvent.objects.get(action="installation.created")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert [link["kind"] for link in fields["actor.chain"]] == ["person", "approval"]
    assert event.actor_id == str(member.pk)
    assert Notification.objects.filter(kind="change_made", person=member).exists()


def test_the_decision_about_it_is_kept_with_the_act(workspace, version, member):
    ask_install(workspace, version, actor=member)
    decision = Decision.objects.get()
    assert (decision.input["context"]["act"], decision.effect) == ("install", "deny")
    assert [reason["code"] for reason in decision.reasons] == ["permission_missing"]


def test_a_no_refuses_it_and_tells_why(workspace, version, member, say):
    change = say(ask_install(workspace, version, actor=member), "rejected", "Not this one")
    assert (change.state, change.error) == ("refused", "Not this one")
    assert AuditEvent.objects.filter(action="change.refused").count() == 1
    assert not Installation.objects.exists()


def test_taken_back_or_run_out_it_is_refused_too(
    workspace, version, member, creator, django_capture_on_commit_callbacks
):
    own, late = (ask_install(workspace, version, actor=one) for one in (member, creator))
    Approval.objects.filter(pk=late.approval.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    with django_capture_on_commit_callbacks(execute=True):
        withdraw_approval(own.approval, actor=member)
        expire_approvals()
    for change in (own, late):
        change.refresh_from_db()
        assert change.state == "refused"


def test_asking_twice_is_one_request_and_another_version_is_another(workspace, version, member):
    first = ask_install(workspace, version, actor=member)
    assert ask_install(workspace, version, actor=member) == first
    other = ask_install(workspace, publish(connector("acme", "1.1.0")), actor=member)
    assert other != first and Approval.objects.filter(status="pending").count() == 2


def test_who_may_do_it_is_told_to_do_it(workspace, version, admin):
    with pytest.raises(NoNeedToAsk):
        ask_install(workspace, version, actor=admin)


def test_strangers_ask_for_nothing(workspace, version, stranger):
    with pytest.raises((NotMember, NotGranted)):
        ask_install(workspace, version, actor=stranger)
    assert not Change.objects.exists()


def test_a_rule_that_asks_stops_who_may_and_the_request_is_theirs_to_make(workspace, version, admin, say, rule):
    rule("require_approval", acts=["install"])
    asked = "Nothing was done. A person is asked first: an approver. Usual wait: not known yet."
    with pytest.raises(NeedsApproval, match=asked):
        install(workspace, version.extension, version=version, actor=admin)
    assert Decision.objects.latest("decided_at").effect == "require_approval"
    change = say(ask_install(workspace, version, actor=admin))
    assert (change.state, change.installation.installed_by) == ("made", admin)


def test_a_rule_that_forbids_stops_everybody(workspace, version, admin, member, rule):
    rule("deny", acts=["install"], extensions=["acme"])
    with pytest.raises(RuledOut):
        install(workspace, version.extension, version=version, actor=admin)
    for actor in (admin, member):
        with pytest.raises(RuledOut):
            ask_install(workspace, version, actor=actor)
    other = publish(connector("other", "1.0.0"))
    install(workspace, other.extension, version=other, actor=admin)
    assert not Change.objects.exists()


def test_a_rule_says_who_is_asked(workspace, version, member, rule):
    rule("require_approval", acts=["install"], ask={"reviewers": "role:owner", "needed": 1, "expires_h": 2})
    change = ask_install(workspace, version, actor=member)
    stage = change.approval.stages.get()
    assert stage.reviewers == ["role:owner"]
    assert change.approval.expires_at - change.approval.requested_at == timedelta(hours=2)


def test_a_rule_about_calls_stops_no_install(workspace, version, admin, rule):
    rule("deny", scopes=["things.*"])
    assert install(workspace, version.extension, version=version, actor=admin).is_active


def test_a_pack_brings_what_it_requires_in_one_request(workspace, version, member, say):
    flow = publish(pack())
    change = ask_install(workspace, flow, along=[version], actor=member)
    assert change.along == [version.digest]
    assert "and 1 more" in change.approval.summary
    say(change)
    assert set(Installation.objects.values_list("extension__slug", flat=True)) == {"acme", "things.keep"}
    assert change.installation.extension.slug == "things.keep"


def test_an_upgrade_shows_what_is_new_and_is_made_on_a_yes(workspace, held, wider, member, say):
    with pytest.raises(ConsentNeeded, match=r"things\.delete"):
        ask_upgrade(held, wider, actor=member)
    change = ask_upgrade(held, wider, actor=member, agreed=["things.delete"])
    assert change.approval.facts["new"] == ["things.delete"]
    panels = subject_of(change.approval).show(change.approval, member)
    rows = {row.field: (row.now, row.after) for row in panels.records[0].changes}
    assert rows["Scopes"] == ("things.write", "things.delete, things.write")
    assert rows["Version"] == ("1.0.0", "1.1.0")
    say(change)
    held.refresh_from_db()
    assert (change.state, Pin.objects.get().version, set(held.scopes)) == (
        "made",
        wider,
        {"things.write", "things.delete"},
    )
    assert Pin.objects.get().pinned_by == member


def test_new_code_may_keep_the_old_permissions_and_be_widened_later(workspace, held, wider, member, say):
    change = ask_upgrade(held, wider, actor=member, keeps=True)
    assert change.approval.facts["new"] == []
    say(change)
    held.refresh_from_db()
    assert (Pin.objects.get().version, held.scopes) == (wider, ["things.write"])
    there = Installation.objects.get()
    wanted = ask_widen(there, actor=member, agreed=["things.delete"])
    say(wanted)
    held.refresh_from_db()
    assert (wanted.state, held.scopes) == ("made", ["things.write", "things.delete"])
    with pytest.raises(NothingToAgree):
        ask_widen(Installation.objects.get(), actor=member)


def test_rules_stand_at_upgrades_and_widenings_too(held, wider, admin, rule):
    rule("require_approval", acts=["upgrade"], scopes=["*.delete"])
    with pytest.raises(NeedsApproval):
        move_pin(held, version=wider, actor=admin, agrees=True)
    move_pin(held, version=wider, actor=admin, keeps=True)
    rule("deny", acts=["widen"])
    with pytest.raises(RuledOut):
        widen(Installation.objects.get(), actor=admin, agreed=["things.delete"])
    held.refresh_from_db()
    assert held.scopes == ["things.write"]


def test_a_rule_that_changed_meanwhile_sends_it_back_with_what_changed(workspace, version, member, say, rule):
    change = ask_install(workspace, version, actor=member)
    before = change.approval
    rule("require_approval", acts=["install"])
    say(change)
    assert (change.state, Installation.objects.count()) == ("waiting", 0)
    again = change.approval
    assert (again.status, again.again, again.facts["changed"]) == ("pending", before, ["the rules"])
    say(change)
    assert change.state == "made"


def test_a_version_that_moved_meanwhile_sends_it_back(held, wider, admin, member, say):
    change = ask_upgrade(held, wider, actor=member, agreed=["things.delete"])
    move_pin(held, version=publish(connector("acme", "1.0.1")), actor=admin)
    say(change)
    assert change.state == "waiting" and change.approval.facts["changed"] == [
        "the version it is held at", "what the replay of recorded calls said",
    ]  # fmt: skip
    say(change)
    assert (change.state, Pin.objects.get().version) == ("made", wider)


def test_a_rule_that_came_to_forbid_it_makes_it_fail(workspace, version, member, say, rule):
    change = ask_install(workspace, version, actor=member)
    rule("deny", acts=["install"])
    say(change)
    assert (change.state, Installation.objects.count()) == ("failed", 0)


def test_what_the_world_refuses_fails_and_who_asked_is_told(workspace, version, admin, member, say):
    change = ask_install(workspace, version, actor=member)
    install(workspace, version.extension, version=version, actor=admin)
    say(change)
    assert (change.state, Installation.objects.count()) == ("failed", 1)
    assert "is installed in" in change.error
    assert Notification.objects.filter(kind="change_failed", person=member).exists()
    assert Approval.objects.get().consumed_at is None


def test_what_is_gone_is_not_moved(held, wider, admin, member, say):
    change = ask_upgrade(held, wider, actor=member, agreed=["things.delete"])
    uninstall(held, actor=admin, confirmed="Acme")
    say(change)
    assert change.state == "failed" and "removed" in change.error


def test_nothing_is_made_for_somebody_who_left(workspace, version, admin, member, django_capture_on_commit_callbacks):
    change = ask_install(workspace, version, actor=member)
    with django_capture_on_commit_callbacks(execute=True):
        remove_member(Membership.objects.get(user=member), actor=admin)
    change.refresh_from_db()
    assert (change.state, Installation.objects.count()) == ("refused", 0)


def test_a_yes_that_nobody_acted_upon_is_taken_up_by_the_sweep(workspace, version, member, approver):
    change = ask_install(workspace, version, actor=member)
    decide_approval(
        change.approval, reviewer=approver, decision="approved", note="Seen", digest=change.approval.digest
    )  # and nobody hears of it: the process died before its commit was told
    change.refresh_from_db()
    assert change.state == "waiting"
    assert settle_decided() == 1
    change.refresh_from_db()
    assert change.state == "made"
    assert settle_decided() == 0


def test_what_ran_out_can_be_asked_for_once_more(workspace, version, member, say):
    change = say(ask_install(workspace, version, actor=member), "rejected", "Say why")
    again = ask_again(change.approval, actor=member)
    assert (again.status, again.again) == ("pending", change.approval)
    assert Change.objects.count() == 2


def test_whoever_published_it_does_not_decide_about_it(workspace, admin, member):
    version = publish_draft(connector(), workspace=workspace, actor=admin)
    change = ask_install(workspace, version, actor=member)
    with pytest.raises(SelfApproval, match="You published this version"):
        decide_approval(
            change.approval, reviewer=admin, decision="approved", note="Mine", digest=change.approval.digest
        )


# --- Pages ------------------------------------------------------------------------------------------------------------


def url(name, workspace, *args):
    return reverse(f"policies:change-{name}", args=[workspace.slug, *args])


def test_the_install_page_offers_to_ask_and_says_who(client_of, workspace, version, member):
    list_extension(version, level="community", summary="Keeps things.")
    client = client_of(member)
    page = client.get(reverse("marketplace:listing-install", args=[workspace.slug, "acme"]))
    assert "Who will be asked" in page.text and url("create", workspace) in page.text
    sent = {"kind": "install", "version": version.digest, "digest": [version.digest], "reason": "For the desk"}
    made = client.post(url("create", workspace), sent, follow=True)
    change = Change.objects.get()
    assert made.redirect_chain[-1][0] == change.get_absolute_url()
    assert "For the desk" in made.text and "It waits for somebody" in made.text
    again = client.get(reverse("marketplace:listing-install", args=[workspace.slug, "acme"])).text
    assert "You asked for it already" in again and change.get_absolute_url() in again


def test_the_pin_page_offers_to_ask_where_a_rule_wants_a_yes(client_of, workspace, held, wider, admin, rule):
    rule("require_approval", acts=["upgrade"])
    client = client_of(admin)
    page = f"{reverse('registry:pin-change', args=[workspace.slug, held.pk])}?to={wider.digest}"
    text = client.get(page).text
    assert "Ask for it" in text and "Agree and move" not in text
    sent = {"kind": "upgrade", "installation": held.pk, "to": wider.digest, "agreed": ["things.delete"]}
    client.post(url("create", workspace), sent)
    assert Change.objects.get().version == wider
    direct = client.post(page.partition("?")[0], {"to": wider.digest, "agreed": ["things.delete"]})
    assert direct.status_code == 409 and Pin.objects.get().version.number == "1.0.0"


def test_a_page_under_a_rule_that_forbids_offers_nothing(client_of, workspace, held, wider, admin, rule):
    rule("deny", acts=["upgrade"])
    text = (
        client_of(admin).get(f"{reverse('registry:pin-change', args=[workspace.slug, held.pk])}?to={wider.digest}").text
    )
    assert "It cannot be asked for." in text and "Ask for it" not in text


def test_the_installation_says_what_is_off_and_leads_to_consent(client_of, workspace, held, wider, admin, member):
    move_pin(held, version=wider, actor=admin, keeps=True)
    consent = reverse("registry:widening", args=[workspace.slug, held.pk])
    assert consent in client_of(admin).get(held.get_absolute_url()).text
    assert "Ask for it" in client_of(member).get(consent).text
    client = client_of(admin)
    assert client.post(consent, {"agreed": []}).status_code == 409
    assert client.post(consent, {"agreed": ["things.delete"]}).status_code == 302
    held.refresh_from_db()
    assert "things.delete" in held.scopes
    assert client.get(consent).status_code == 302


def test_the_installation_tells_of_a_newer_version_and_what_it_asks_for(client_of, held, wider, member):
    text = client_of(member).get(held.get_absolute_url()).text
    assert "1.1.0 is out." in text and "things.delete" in text


def test_a_form_that_names_nonsense_is_refused(client_of, workspace, version, held, member):
    client = client_of(member)
    for sent in (
        {},
        {"kind": "other"},
        {"kind": "install", "version": "0" * 64, "digest": ["0" * 64]},
        {"kind": "install", "version": version.digest, "digest": [version.digest, "0" * 64]},
        {"kind": "upgrade", "installation": "nonsense", "to": version.digest},
    ):
        assert client.post(url("create", workspace), sent).status_code == 422, sent
    assert client.get(url("create", workspace)).status_code == 405
    assert not Change.objects.exists()


def test_a_change_is_seen_by_who_asked_and_who_decides(
    client_of, workspace, version, member, creator, approver, stranger
):
    change = ask_install(workspace, version, actor=member)
    for person, status in ((member, 200), (approver, 200), (creator, 404)):
        assert client_of(person).get(change.get_absolute_url()).status_code == status
    assert "It waits for an approver." in client_of(member).get(change.get_absolute_url()).text
    asked = client_of(approver).get(change.approval.get_absolute_url()).text
    for line in ("things.write", NEVER[0]):
        assert f"<li>{line}</li>" in asked


def test_the_door_itself_says_that_a_yes_is_needed(client_of, workspace, version, admin, rule):
    rule("require_approval", acts=["install"])
    list_extension(version, level="community", summary="Keeps things.")
    client = client_of(admin)
    answer = client.post(
        reverse("marketplace:listing-install", args=[workspace.slug, "acme"]), {"digest": [version.digest]}
    )
    assert answer.status_code == 409 and not Installation.objects.exists()
