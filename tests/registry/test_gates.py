"""Whoever registered has a say before something is installed, moved or widened; new code may keep old permissions."""

from types import SimpleNamespace

import pytest

from galaxy.core.audit import Actor
from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.permissions import NotGranted
from registry import gates
from registry.errors import AlreadyRemoved, ConsentNeeded, NothingToAgree
from registry.models import Installation, Pin
from registry.services import install, move_pin, uninstall, widen
from registry.services.moving import move_approved, upgrade_step
from tests.playhouse import staged
from tests.registry.samples import action, connector, manifest_of, publish

WIDER = action() + action(id="drop_thing", scope="things.delete", method="DELETE")


@pytest.fixture
def steps(monkeypatch):
    """What a gate that lets everything pass was asked."""
    asked = []
    monkeypatch.setattr(gates, "_gates", [SimpleNamespace(check=asked.append)])
    return asked


@pytest.fixture
def shut(monkeypatch):
    def refuse(step):
        raise gates.NeedsApproval(f"{step.act} waits.")

    monkeypatch.setattr(gates, "_gates", [SimpleNamespace(check=refuse)])


@pytest.fixture
@staged
def held(workspace, admin):
    version = publish(connector("acme", "1.0.0"))
    return install(workspace, version.extension, version=version, actor=admin)


@pytest.fixture
def wider(held):
    return publish(connector("acme", "1.1.0", WIDER))


def test_a_gate_is_told_what_would_be_agreed_to_and_what_of_it_is_new(held, wider, admin, steps):
    move_pin(held, version=wider, actor=admin, agrees=True)
    step = steps[0]
    assert (step.act, step.version, step.actor, step.installation) == ("upgrade", wider, admin, held)
    assert (set(step.scopes), step.new_scopes, step.new_hosts) == (
        {"things.write", "things.delete"},
        ("things.delete",),
        (),
    )


def test_an_install_and_a_widening_pass_the_gate_too(workspace, admin, held, wider, steps):
    other = publish(connector("other", "1.0.0"))
    install(workspace, other.extension, version=other, actor=admin)
    move_pin(held, version=wider, actor=admin, keeps=True)
    widen(Installation.objects.get(pk=held.pk), actor=admin, agreed=["things.delete"])
    assert [step.act for step in steps] == ["install", "upgrade", "widen"]


def test_what_a_gate_refuses_is_not_done(workspace, admin, held, wider, shut):
    other = publish(connector("other", "1.0.0"))
    with pytest.raises(gates.NeedsApproval):
        install(workspace, other.extension, version=other, actor=admin)
    with pytest.raises(gates.NeedsApproval):
        move_pin(held, version=wider, actor=admin, agrees=True)
    assert Installation.objects.count() == 1
    assert Pin.objects.get(installation=held).version.number == "1.0.0"


def test_who_may_not_is_told_so_before_anybody_else_is_asked(held, wider, member, steps):
    with pytest.raises(NotGranted):
        move_pin(held, version=wider, actor=member, agrees=True)
    assert steps == []


def test_new_code_runs_with_the_old_permissions_until_somebody_agrees(held, wider, admin, member):
    move_pin(held, version=wider, actor=admin, keeps=True)
    held.refresh_from_db()
    assert (held.pin.version, held.scopes) == (wider, ["things.write"])
    with pytest.raises(NotGranted):
        widen(held, actor=member, agreed=["things.delete"])
    widen(held, actor=admin, agreed=["things.delete"])
    held.refresh_from_db()
    assert held.scopes == ["things.write", "things.delete"]
    fields = AuditDetail.objects.get(event_id=AuditEvent.objects.get(action="installation.widened").pk).fields
    assert fields["after.scopes"] == ["things.write", "things.delete"]
    with pytest.raises(NothingToAgree):
        widen(held, actor=admin, agreed=["things.delete"])


def test_what_it_moved_to_meanwhile_is_not_agreed_to_unseen(held, wider, admin, monkeypatch):
    move_pin(held, version=wider, actor=admin, keeps=True)
    seen = Installation.objects.select_related("pin__version").get(pk=held.pk)
    further = publish(connector("acme", "1.2.0", WIDER + action(id="buy_thing", scope="orders.write")))

    def move_on(step):
        if step.act == gates.WIDEN:
            move_pin(Installation.objects.get(pk=held.pk), version=further, actor=admin, keeps=True)

    monkeypatch.setattr(gates, "_gates", [SimpleNamespace(check=move_on)])
    with pytest.raises(ConsentNeeded, match=r"moved to .*1\.2\.0 meanwhile"):
        widen(seen, actor=admin, agreed=["things.delete"])
    assert Installation.objects.get(pk=held.pk).scopes == ["things.write"]


def test_a_new_host_cannot_stay_off(held, admin):
    text = (
        "connector: acme\nversion: 1.2.0\nname: Acme\nsummary: Keeps things.\nauth: { type: api_key }\n"
        f"base_url: https://api.acme.example\negress: [{{ host: api.acme.example }}, {{ host: api.other.example }}]\n"
        f"actions:{action()}"
    )
    elsewhere = publish(manifest_of(text))
    with pytest.raises(ConsentNeeded, match="cannot stay off"):
        move_pin(held, version=elsewhere, actor=admin, keeps=True)
    assert Pin.objects.get(installation=held).version.number == "1.0.0"


def test_what_somebody_approved_is_done_for_who_asked(held, wider, member, approver):
    chain = Actor.of(member).through("person", str(approver.pk), str(approver))
    assert upgrade_step(held, wider, member).new_scopes == ("things.delete",)
    move_approved(held, version=wider, actor=member, chain=chain)
    event = AuditEvent.objects.get(action="pin.moved")
    assert event.actor_id == str(member.pk)
    assert Pin.objects.get(installation=held).pinned_by == member


def test_what_is_gone_is_neither_moved_nor_widened(held, wider, admin):
    uninstall(held, actor=admin)
    held.refresh_from_db()
    with pytest.raises(AlreadyRemoved):
        move_pin(held, version=wider, actor=admin, agrees=True)
    with pytest.raises(AlreadyRemoved):
        widen(held, actor=admin, agreed=["things.delete"])
