"""An installation moves to another version: what was agreed to is asked anew where it grows, and nothing leaks on."""

import pytest

from galaxy.core.audit import Actor
from galaxy.core.models import AuditDetail, AuditEvent, HistoryRow
from galaxy.core.permissions import NotGranted, grant
from registry.errors import AlreadyRemoved, ConsentNeeded, NotInstallable
from registry.models import Connection, Pin
from registry.services import install, move_pin, publish_draft, uninstall
from registry.services.moving import move_approved, widening_of
from tests.registry.samples import action, connector, manifest_of, transform


@pytest.fixture
def held(workspace, creator):
    draft = publish_draft(connector(), workspace=workspace, actor=creator)
    return install(workspace, draft.extension, version=draft, actor=creator)


@pytest.fixture
def publish_next(workspace, creator):
    return lambda manifest: publish_draft(manifest, workspace=workspace, actor=creator)


def elsewhere(host="api.other.example", auth="api_key"):
    text = (
        "connector: acme\nversion: 1.0.0\nname: Acme\nsummary: Keeps things.\n"
        f"auth: {{ type: {auth} }}\nbase_url: https://{host}\n"
        f"egress: [{{ host: {host} }}, {{ host: api.acme.example }}]\nactions:{action()}"
    )
    return manifest_of(text)


def connect(installation):
    Connection.objects.filter(installation=installation).update(status="authenticated", generation=4)


def test_one_click_moves_to_the_next_draft_and_history_keeps_the_last(held, publish_next, creator):
    version = publish_next(connector(summary="Keeps other things."))
    pin = move_pin(held, version=version, actor=creator)
    assert (pin.version, pin.digest, pin.pinned_by) == (version, version.digest, creator)
    rows = HistoryRow.objects.filter(kind=Pin._meta.db_table, row_id=str(pin.pk)).order_by("during")
    assert [row.row["digest"] for row in rows] == [version.digest]  # of one transaction the last state alone is kept
    fields = AuditDetail.objects.get(event_id=AuditEvent.objects.get(action="pin.moved").pk).fields
    assert (fields["before.version"], fields["after.version"]) == ("1.0.0-draft.1", "1.0.0-draft.2")


def test_what_asks_for_more_takes_consent(held, publish_next, creator):
    more = action() + action(id="drop_thing", scope="things.delete", method="DELETE")
    version = publish_next(connector("acme", "1.0.0", more))
    assert widening_of(held, version.parsed).scopes == ("things.delete",)
    with pytest.raises(ConsentNeeded, match=r"things\.delete"):
        move_pin(held, version=version, actor=creator)
    move_pin(held, version=version, actor=creator, agrees=True)
    held.refresh_from_db()
    assert held.scopes == ["things.delete", "things.write"]


def test_agreement_shrinks_with_what_is_asked_for(held, publish_next, creator):
    wide = publish_next(elsewhere("api.acme.example"))
    move_pin(held, version=publish_next(elsewhere()), actor=creator, agrees=True)
    held.refresh_from_db()
    assert held.hosts == ["api.acme.example", "api.other.example"]
    move_pin(held, version=wide, actor=creator)
    held.refresh_from_db()
    assert held.hosts == ["api.acme.example"]


def test_once_connected_moving_is_for_who_pins_and_widening_for_who_installs(held, publish_next, creator, admin):
    connect(held)
    version = publish_next(connector(summary="Keeps other things."))
    with pytest.raises(NotGranted):
        move_pin(held, version=version, actor=creator)
    move_pin(held, version=version, actor=admin)
    assert Connection.objects.get().status == "authenticated"


def test_who_may_only_pin_agrees_to_nothing_new(held, publish_next, creator):
    connect(held)
    grant("registry.pin_installation", creator, held)
    move_pin(held, version=publish_next(connector(summary="Keeps other things.")), actor=creator)
    with pytest.raises(NotGranted):
        move_pin(held, version=publish_next(elsewhere()), actor=creator, agrees=True)


@pytest.mark.parametrize("manifest", [elsewhere(), elsewhere("api.acme.example", "bearer")], ids=["host", "way"])
def test_what_a_connection_proves_itself_with_goes_nowhere_else(manifest, held, publish_next, admin):
    connect(held)
    move_approved(held, version=publish_next(manifest), actor=admin, chain=Actor.of(admin))  # it has no way back
    connection = Connection.objects.get()
    assert (connection.status, connection.generation) == ("unauthenticated", 5)
    assert AuditEvent.objects.filter(action="connection.closed").count() == 1


def test_a_version_that_reaches_out_gets_its_connection(workspace, creator, publish_next):
    def python(egress):
        return manifest_of(
            "action: acme.run\nversion: 1.0.0\nsummary: Runs.\nrunner: python\ncode_file: run.py\n"
            f"{egress}inputs: {{ title: string }}\noutputs: {{ title: string }}\n"
            "permissions: { required: [things.read] }\nsimulation: { answer: { title: inputs.title } }\n"
            "fixtures: { happy: { body: {} }, '401': { status: 401 }, '429': { status: 429 }, 5xx: { status: 503 } }\n"
        )

    def draft(egress):
        files = {"run.py": b"def run(inputs, ctx):\n    return inputs\n"}
        return publish_draft(python(egress), workspace=workspace, files=files, actor=creator)

    first = draft("")
    held = install(workspace, first.extension, version=first, actor=creator)
    assert not held.connections.exists()
    move_pin(held, version=draft("egress: [https://api.acme.example]\n"), actor=creator, agrees=True)
    assert held.connections.get().status == "unauthenticated"


def test_nothing_moves_to_what_is_not_its_own_or_when_it_is_gone(held, publish_next, creator):
    other = publish_next(transform())
    with pytest.raises(NotInstallable):
        move_pin(held, version=other, actor=creator)
    version = publish_next(connector(summary="Keeps other things."))
    uninstall(held, actor=creator)
    with pytest.raises(AlreadyRemoved):
        move_pin(held, version=version, actor=creator)
