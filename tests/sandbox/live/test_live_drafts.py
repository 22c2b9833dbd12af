"""From an OpenAPI document to a live call: imported, tried against its samples, connected, and sent over TLS."""

import json

import pytest

from galaxy.core.permissions import grant
from galaxy.core.scope import workspace_scope
from marketplace.workshop.documents import choose, draft_from, hand_in
from marketplace.workshop.drafts import publish
from registry.errors import NotInstalled
from registry.services import install
from sandbox.sandboxd.client import Refused, ask
from sandbox.services import invoke
from tests.connections import seal_for
from tests.registry.openapi.documents import ID, PET, as_bytes, document, operation
from tests.sandbox.live.conftest import finished
from tests.sandbox.live.manifests import API
from tests.sandbox.live.test_live_calls import as_json

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
TOKEN = "tok-Canary-of-a-draft-7A"
BODY = {"required": True, "content": {"application/json": {"schema": {**PET, "required": ["name"]}}}}
TAGS = {"name": "tags", "in": "query", "explode": False, "schema": {"type": "array", "items": {"type": "string"}}}
PETS = document(
    {
        "/pets": {"post": operation(operationId="createPet", requestBody=BODY)},
        "/pets/{id}": {"get": operation(operationId="getPet", parameters=[ID, TAGS])},
    },
    servers=[{"url": f"https://{API}/v2"}],
    components={"securitySchemes": {"it": {"type": "http", "scheme": "bearer"}}},
    security=[{"it": []}],
)


@pytest.fixture
def held(meridian, cast, sandboxd, settings):
    """The document, imported, made a version of and installed by one maker."""
    settings.GALAXY_KMS = f"local:{sandboxd.key_file}"
    maker = cast["creator"]
    found = hand_in(meridian, content=as_bytes(PETS), actor=maker)
    every = list(found.operations.values_list("pk", flat=True))
    choose(found, shown=every, chosen=every, actor=maker)
    version = publish(draft_from(found, connector="pets", confirmed=[], actor=maker), actor=maker)
    return install(meridian, version.extension, version=version, actor=maker)


def connect(installation):
    seal_for(installation.connections.get(), {"token": TOKEN}, generation=1)


def test_an_imported_operation_is_simulated_and_then_run_live(held, meridian, cast, peer):
    maker = cast["creator"]
    rehearsed = finished(meridian, maker, "pets.create_pet", {"name": "Rex"})
    assert (rehearsed.mode, rehearsed.state, rehearsed.outputs["name"]) == ("simulated", "succeeded", "Rex")
    refused = finished(meridian, maker, "pets.create_pet", {"name": "Rex"}, scenario="401")
    assert (refused.state, refused.error_category) == ("failed", "auth_error")
    assert peer.requests == []

    connect(held)
    grant("registry.write_installation", maker, held)
    peer.script = lambda request, send: send(as_json({"id": "p7", "name": "Rex"}))

    made = finished(meridian, maker, "pets.create_pet", {"name": "Rex"})
    assert (made.mode, made.state, made.error, made.outputs) == ("live", "succeeded", None, {"id": "p7", "name": "Rex"})
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /v2/pets HTTP/1.1"
    assert f"Authorization: Bearer {TOKEN}".encode() in head.split(b"\r\n")
    assert json.loads(body) == {"name": "Rex"}

    read = finished(meridian, maker, "pets.get_pet", {"id": "p/7", "tags": ["a", "b"]})
    assert (read.mode, read.state) == ("live", "succeeded")
    assert peer.requests[1].split(b"\r\n")[0] == b"GET /v2/pets/p%2F7?tags=a%2Cb HTTP/1.1"
    assert {made.version_digest, read.version_digest} == {held.pin.digest}


def test_no_other_workspace_calls_it_and_sandboxd_serves_it_to_none(
    held, meridian, cast, other_workspace, peer, monkeypatch
):
    connect(held)
    peer.script = lambda request, send: send(as_json({"id": "a", "name": "Rex"}))

    def ask_for_another_first(op, body, *, seconds):
        """The very order that is answered for its own workspace, while its run is under way there."""
        with pytest.raises(Refused, match="No such run is under way"):
            ask(op, body | {"workspace": str(other_workspace.pk)}, seconds=seconds)
        assert peer.requests == []
        return ask(op, body, seconds=seconds)

    monkeypatch.setattr("sandbox.runners.live.ask", ask_for_another_first)
    read = finished(meridian, cast["creator"], "pets.get_pet", {"id": "a"})
    assert (read.mode, read.state, len(peer.requests)) == ("live", "succeeded", 1)
    with workspace_scope([other_workspace.pk]), pytest.raises(NotInstalled):
        invoke(other_workspace, actor=cast["stranger"], target="pets.get_pet", inputs={"id": "a"})
