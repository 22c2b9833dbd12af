"""Connections for tests: extensions that authenticate, sealed bundles, and a vendor that answers by script."""

import json
from collections.abc import Callable
from urllib.parse import parse_qs

from django.db import transaction
from django.utils import timezone

from galaxy.core.egress.transport import Incoming
from galaxy.core.vault.sealing import sealer
from registry.models import AppRegistration, Connection
from registry.services.credentials import app_place, endpoint_hosts, hosts_of, key_for, store_credential
from sandbox.sandboxd.bundles import seal_bundle
from sandbox.sandboxd.execution import Ways

PUBLIC = "93.184.216.34"
APP_SECRET = "app-secret-0123456789"
API, LOGIN = "api.vendor.example", "login.vendor.example"
FIXTURES = """
      happy: { status: 200, body: { id: x1 } }
      empty: { status: 200, body: { id: x0 } }
      "401": { status: 401, body: { message: expired } }
      "429": { status: 429, headers: { Retry-After: "7" }, body: {} }
      "5xx": { status: 502, body: {} }
"""
OAUTH = f"""type: oauth2, authorize_url: "https://{LOGIN}/auth", token_url: "https://{LOGIN}/token",
  revoke_url: "https://{LOGIN}/token/revocation", scopes: [openid, offline_access, "things:read"]"""


def vendor(
    auth: str = OAUTH, *, base: str = f"https://{API}", egress: str = "", name: str = "vendor", path: str = "/things"
) -> str:
    """The text of a connector that authenticates so; ``path`` is what its health is looked at by."""
    return f"""
connector: {name}
version: 1.0.0
name: Vendor
summary: A made-up vendor for tests.
auth: {{ {auth} }}
base_url: "{base}"
egress:
  - {{ host: {API}, methods: [GET, POST, DELETE], path_prefix: / }}
  - {{ host: {LOGIN}, methods: [GET, POST], path_prefix: / }}{egress}
permissions: {{ required: [things.read, things.write] }}
health: {{ action: look }}
actions:
  - id: look
    name: Look at things
    method: GET
    path: {path}
    response_schema: {{ id: string }}
    scopes: [things.read]
    errors: [401, 429, 5xx]
    simulation: {{ answer: {{ id: "'x'" }} }}
    fixtures: {FIXTURES}
  - id: make
    name: Make a thing
    method: POST
    path: /things
    request_schema: {{ key: string }}
    response_schema: {{ id: string }}
    scopes: [things.write]
    errors: [401, 429, 5xx]
    simulation: {{ answer: {{ id: "fake_id('x-', inputs.key)" }} }}
    fixtures: {FIXTURES}
"""


def seal_for(connection: Connection, bundle: dict, **row) -> Connection:
    """Give ``connection`` a bundle, as connecting does, and these values of its row."""
    manifest = connection.installation.pin.version.parsed
    generation = connection.token_generation + 1
    values = {"status": Connection.Status.AUTHENTICATED, "refreshed_at": timezone.now()} | row
    Connection.objects.filter(pk=connection.pk).update(token_generation=generation, **values)
    connection.refresh_from_db()
    hosts = hosts_of(manifest, connection.host)
    place, envelope = seal_bundle(connection, bundle, generation=generation, hosts=hosts)
    with transaction.atomic():
        assert store_credential(connection, place, envelope)
    return connection


def register_app(installation, admin, client_id: str = "client-one", secret: str = APP_SECRET) -> None:
    place = app_place(installation, 1, endpoint_hosts(installation.pin.version.parsed))
    envelope = sealer().seal(place, secret)
    with transaction.atomic():
        AppRegistration.objects.create(
            workspace=installation.workspace,
            installation=installation,
            client_id=client_id,
            hosts=list(place.hosts),
            key=key_for(envelope, installation.workspace_id),
            wrapped_key=envelope.wrapped_key,
            ciphertext=envelope.ciphertext,
            entered_by=admin,
        )


class Vendor:
    """A resolver and transport in one: ``answer(host, target, form)`` says what comes back, as (status, headers, body),
    a dict for JSON, or raises; ``asked`` lists (host, target, form, headers)."""

    def __init__(self, answer: Callable | None = None):
        self.answer = answer or (lambda host, target, form: {"access_token": "token-of-the-vendor-1"})
        self.asked: list[tuple[str, str, dict, dict]] = []

    @property
    def ways(self) -> Ways:
        return Ways(self, self)

    def resolve(self, host: str, seconds: float) -> list[str]:
        return [PUBLIC]

    def send(self, request, address: str, seconds: float) -> Incoming:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        self.asked.append((request.host, request.target, form, dict(request.headers)))
        said = self.answer(request.host, request.target, form)
        if isinstance(said, dict):
            said = (200, {}, json.dumps(said))
        status, headers, body = said
        return Incoming(status, list(headers.items()), body.encode() if isinstance(body, str) else body)
