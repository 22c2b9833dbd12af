"""Tokens for signed assertions and for clients: what vendors' own libraries accept, and what a key must not do."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.urls import reverse
from google.auth import jwt as google_jwt
from joserfc import jwt
from joserfc.jwk import ECKey

from registry.models import Connection, ConnectionCredential
from sandbox.oauth.requests import JWT_BEARER
from sandbox.sandboxd.credentials import authorised
from tests.connections import LOGIN, vendor
from tests.extensions import installed

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
GOOGLE = f"""type: jwt_bearer, token_url: "https://{LOGIN}/token", scopes: ["https://vendor.example/auth/things"]"""
SALESFORCE = f"""type: jwt_bearer, token_url: "https://{LOGIN}/token", audience: "https://{LOGIN}" """
CLIENT = f"""type: oauth2, grant: client_credentials, token_url: "https://{LOGIN}/token", scopes: ["things:read"]"""
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key) -> str:
    none = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none).decode()


def public(key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def account(**more) -> str:
    found = {"type": "service_account", "client_email": "robot@vendor.example", "private_key_id": "key-1"}
    return json.dumps(found | {"private_key": pem(KEY), "token_uri": "https://evil.example/token"} | more)


def connect(client, workspace, admin, auth, typed):
    connection = installed(workspace, admin, vendor(auth))[0].connections.get()
    address = reverse("sandbox:connection-connect", args=["meridian", connection.pk])
    return connection, client.post(address, typed, follow=True)


def test_a_service_account_signs_what_googles_own_library_accepts(sandboxd, workspace, admin, client_of):
    sandboxd.answer = lambda host, target, form: {"access_token": "robot-token-0123456789", "expires_in": 3600}
    connection, response = connect(client_of(admin), workspace, admin, GOOGLE, {"service_account": account()})
    assert "Vendor is connected." in response.content.decode()
    assert "PRIVATE KEY" not in response.content.decode()
    host, target, form, _ = sandboxd.asked[0]
    assert (host, target, form["grant_type"]) == (LOGIN, "/token", JWT_BEARER)  # not where its JSON says
    claims = google_jwt.decode(form["assertion"], certs=public(KEY), audience=f"https://{LOGIN}/token")
    assert (claims["iss"], claims["scope"]) == ("robot@vendor.example", "https://vendor.example/auth/things")
    assert google_jwt.decode_header(form["assertion"])["kid"] == "key-1"
    assert 0 < claims["exp"] - claims["iat"] <= 180
    connection.refresh_from_db()
    assert (connection.settings, connection.next_refresh_at is not None) == (
        {"issuer": "robot@vendor.example", "key_id": "key-1"}, True,
    )  # fmt: skip
    Connection.objects.update(expires_at=connection.refreshed_at)
    found = Connection.objects.select_related("installation__pin__version", "workspace").get()
    manifest = found.installation.pin.version.parsed
    authorised(found, manifest, seconds=5, ways=sandboxd.ways)
    assert len(sandboxd.asked) == 2


def test_salesforce_is_told_for_whom_and_to_whom(sandboxd, workspace, admin, client_of):
    typed = {"issuer": "consumer-key", "subject": "ada@acme.example", "private_key": pem(KEY)}
    connect(client_of(admin), workspace, admin, SALESFORCE, typed)
    claims = google_jwt.decode(sandboxd.asked[0][2]["assertion"], certs=public(KEY), audience=f"https://{LOGIN}")
    assert (claims["iss"], claims["sub"], "scope" in claims) == ("consumer-key", "ada@acme.example", False)


def test_an_elliptic_key_signs_too(sandboxd, workspace, admin, client_of):
    key = ec.generate_private_key(ec.SECP256R1())
    connect(client_of(admin), workspace, admin, GOOGLE, {"issuer": "me", "private_key": pem(key)})
    token = jwt.decode(sandboxd.asked[0][2]["assertion"], ECKey.import_key(public(key)), algorithms=["ES256"])
    assert token.claims["iss"] == "me"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"service_account": "{}"}, "client_email and private_key"),
        ({"service_account": "[" * 5000}, "client_email and private_key"),
        ({"service_account": account(private_key="no key at all")}, "no private key in PEM form"),
        ({"issuer": "me", "private_key": public(KEY).decode()}, "no private key in PEM form"),
        ({"issuer": "me", "private_key": pem(ec.generate_private_key(ec.SECP384R1()))}, "of the curve P-256"),
        ({"issuer": "me", "private_key": pem(ec.generate_private_key(ec.BrainpoolP256R1()))}, "of the curve P-256"),
        ({}, "Paste the service account"),
    ],
)
def test_what_is_no_key_is_refused_and_not_stored(sandboxd, workspace, admin, client_of, typed, words):
    _, response = connect(client_of(admin), workspace, admin, GOOGLE, typed)
    assert (response.status_code, words in response.content.decode()) == (422, True)
    assert (sandboxd.asked, ConnectionCredential.objects.count()) == ([], 0)
    assert Connection.objects.get().status == "unauthenticated"


def test_an_assertion_refused_may_be_the_clock_and_is_tried_again(sandboxd, workspace, admin, client_of):
    connection, _ = connect(client_of(admin), workspace, admin, GOOGLE, {"service_account": account()})
    sandboxd.answer = lambda host, target, form: (400, {}, '{"error": "invalid_grant"}')
    address = reverse("sandbox:connection-renewal", args=["meridian", connection.pk])
    page = client_of(admin).post(address, follow=True).content.decode()
    assert "machine&#x27;s clock" in page
    found = Connection.objects.get()
    assert (found.status, found.last_error_code, found.refresh_failures) == ("authenticated", "assertion_refused", 1)


def test_a_client_gets_its_token_by_its_secret(sandboxd, workspace, admin, client_of):
    typed = {"client_id": "robot", "client_secret": "robot-secret-0123456789"}
    connection, response = connect(client_of(admin), workspace, admin, CLIENT, typed)
    assert "Vendor is connected." in response.content.decode()
    form = sandboxd.asked[0][2]
    assert (form["grant_type"], form["scope"], form["client_id"], form["client_secret"]) == (
        "client_credentials", "things:read", "robot", "robot-secret-0123456789",
    )  # fmt: skip
    connection.refresh_from_db()
    assert connection.settings == {"client_id": "robot"}
