"""Each action once, live: through the gate, a real sandboxd and its broker, to a stand-in with a vendor's name and TLS.

What arrives there is what the official client would have sent, with the token of the connection; what comes back from
a fixture becomes outputs that the action declares. Lists go on over a second page.
"""

from urllib.parse import urlsplit

import pytest

from galaxy.core.scope import workspace_scope
from registry.manifests.schemas import validator
from registry.models import Connection
from registry.services import install, publish_version
from sandbox.models import Run
from sandbox.services import invoke, perform
from tests.approving import approve
from tests.connections import seal_for
from tests.core.egress.peers import saying
from tests.oracles.clients import SALESFORCE_HOST
from tests.oracles.official import OFFICIAL, next_page
from tests.oracles.ours import first_page, prepared, received
from tests.oracles.peer import Received, on_the_wire
from tests.oracles.shipped import ACTIONS, MANIFESTS
from tests.oracles.wire import canonical

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
TOKEN = "token-of-the-live-run-0123456789"


@pytest.fixture
def meridian(cast, sandboxd, settings):
    """This process and sandboxd share the root key, so that a connection can be made without a consent screen."""
    settings.SANDBOXD_SOCKET = sandboxd.socket
    settings.GALAXY_KMS = f"local:{sandboxd.key_file}"
    with workspace_scope([cast["meridian"].pk]):
        yield cast["meridian"]


@pytest.mark.parametrize("connector", MANIFESTS)
def test_every_action_reaches_its_vendor_as_the_official_client_would(connector, meridian, cast, vendors):
    connected(meridian, cast["admin"], connector)
    for name in (name for name in ACTIONS if name.startswith(f"{connector}.")):
        action, happy = ACTIONS[name], ACTIONS[name].fixtures["happy"]
        answers = [happy]
        if "pagination" in action.raw:
            answers = [first_page(name), happy]
        vendors.requests.clear()
        vendors.script = one_after_the_other(answers)
        run = finished(meridian, cast, name)
        assert (run.state, run.mode, run.error) == ("succeeded", "live", None), name
        assert list(validator(action.outputs).iter_errors(run.outputs)) == [], name
        heard = [parsed(request) for request in vendors.requests]
        assert len(heard) == len(answers), name
        assert canonical(heard[0]) == canonical(received(name)), name
        host = urlsplit(prepared(name).url).netloc
        assert {(request.headers["host"], request.headers["authorization"]) for request in heard} == {
            (host, f"Bearer {TOKEN}")
        }
        for second in heard[1:]:
            assert canonical(second) == canonical(received(next_page(name))), name


def test_an_email_to_many_waits_for_a_person_and_nothing_leaves(meridian, cast, vendors):
    connected(meridian, cast["admin"], "gmail")
    vendors.requests.clear()
    many = [f"person{number}@example.com" for number in range(11)]
    inputs = OFFICIAL["gmail.send"].inputs
    run = invoke(meridian, actor=cast["admin"], target="gmail.send", inputs=inputs | {"to": many})
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.approval.is_pending, vendors.requests) == ("waiting", True, [])
    few = invoke(meridian, actor=cast["admin"], target="gmail.send", inputs=inputs | {"to": many[:10]})
    assert few.approval is None


def connected(workspace, admin, connector: str) -> None:
    version = publish_version(MANIFESTS[connector], publisher="Galaxy")
    installation = install(workspace, version.extension, version=version, actor=admin)
    connection = Connection.objects.select_related("installation__workspace", "workspace").get(
        installation=installation
    )
    host = SALESFORCE_HOST if connector == "salesforce" else ""
    Connection.objects.filter(pk=connection.pk).update(host=host, generation=1)
    connection.refresh_from_db()
    seal_for(connection, {"access_token": TOKEN})


def finished(workspace, cast, name: str) -> Run:
    """The run of an action, approved by somebody else where it needs that."""
    run = invoke(workspace, actor=cast["admin"], target=name, inputs=OFFICIAL[name].inputs)
    if run.approval:
        approve(run.approval, cast["approver"])
    perform(run.pk)
    run.refresh_from_db()
    return run


def one_after_the_other(fixtures: list[dict]):
    waiting = list(fixtures)
    return lambda request, send: saying(_wire(waiting.pop(0) if len(waiting) > 1 else waiting[0]))(request, send)


def _wire(fixture: dict) -> bytes:
    status, headers, content = on_the_wire(fixture)
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def parsed(request: bytes) -> Received:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Received(method, target, headers, body)
