"""How strong keys are, who may call out, where a request ends, and that a lost factor can be taken away."""

import ast
import contextlib
import re
import socket
import subprocess
import sys
import time

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from django.test import Client

from galaxy.core.egress.refusals import CODES
from galaxy.core.tokens import API_PERMISSIONS, create_token
from galaxy.core.vault.envelope import ALGORITHMS, new_key
from galaxy.core.vault.signing import SigningKeys, make_signing_keys
from tests.asvs.test_source import trees
from tests.core.egress.conftest import API, get, make_broker
from tests.core.test_second_factor import set_up

CALLING = {"httpx", "httpcore", "requests", "urllib3", "aiohttp", "boto3", "smtplib", "ftplib", "dns", "paramiko"}
CALLING |= {"urllib.request", "http.client", "opentelemetry.exporter"}
MAY_CALL = {
    "galaxy/core/egress/": "the broker, in sandboxd",
    "galaxy/core/vault/kms/aws.py": "AWS KMS, in sandboxd",
    "galaxy/core/sso/fetching.py": "the company's provider, which the environment names",
    "galaxy/core/telemetry/otlp.py": "the collector, which the environment names",
    "galaxy/core/mail.py": "the mail server, which the environment names",
    "galaxy/core/management/commands/run_all.py": "asks itself whether it is up",
    "marketplace/creating/client.py": "a creator's command, on the creator's machine",
}


@pytest.mark.asvs("13.2.5")
def test_few_modules_call_out_and_each_calls_what_is_named():
    found = {name for name, tree in trees().items() for node in ast.walk(tree) if CALLING & _modules(node)}
    assert {name for name in found if not name.startswith(tuple(MAY_CALL))} == set()
    assert {place for place in MAY_CALL if not any(name.startswith(place) for name in found)} == set()


def _modules(node: ast.AST) -> set[str]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
    return {".".join(name.split(".")[:length]) for name in names for length in (1, 2)}


@pytest.mark.asvs("11.2.3", "11.6.1")
def test_keys_have_128_bits_of_strength_at_least(admin, workspace, tmp_path):
    assert len(new_key()) == 32 and len({new_key() for _ in range(20)}) == 20
    assert {kind for _, kind in ALGORITHMS.values()} == {AESGCM, ChaCha20Poly1305}
    _, text = create_token(workspace, name="T", permissions=API_PERMISSIONS, days=1, actor=admin)
    assert len(text.removeprefix("gxy_")) * 6 >= 256
    path = tmp_path / "keys.json"
    make_signing_keys(path)
    keys = SigningKeys(path)
    assert len(keys.public(keys.current)) == 32 and len(keys.sign(keys.current, b"")) == 64  # Ed25519


@pytest.mark.asvs("4.2.5")
def test_nothing_too_long_for_a_receiver_is_sent():
    broker = make_broker()
    assert get(broker, f"https://{API}/{'a' * 2048}")["error"] == "bad_url"
    assert get(broker, headers={f"X-{n}": "x" * 1000 for n in range(17)})["error"] == "bad_header"
    assert get(broker, headers={f"X-{n}": "x" for n in range(51)})["error"] == "bad_header"
    assert {"bad_url", "bad_header"} <= set(CODES) and broker._transport.sent == []


@pytest.mark.asvs("6.5.6")
def test_a_lost_factor_is_taken_away(member, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    client = Client()
    client.force_login(member, backend="allauth.account.auth_backends.AuthenticationBackend")
    set_up(client)
    assert Authenticator.objects.filter(user=member, type="totp").exists()
    assert client.post("/account/second-factor/totp/deactivate/").status_code == 302
    assert not Authenticator.objects.filter(user=member).exists()


APP = """
def application(environ, start):
    body = environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "text/plain")])
    return [f"[{environ['PATH_INFO']} {len(body)}]".encode()]
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Where granian, which serves Galaxy in production, serves an application that says what it was asked."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "echoing.py").write_text(APP, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen([*command, "echoing:application"], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def _said(port: int, text: str) -> str:
    """All that comes back until the server closes, or says nothing more for a while."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        link.sendall(text.replace("\n", "\r\n").encode())
        heard = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while part := link.recv(65536):
                heard += part
                link.settimeout(0.5)
    return heard.decode("latin-1")


SMUGGLED = "GET /smuggled HTTP/1.1\nHost: a\n\n"
AMBIGUOUS = {
    "two lengths": f"POST /a HTTP/1.1\nHost: a\nContent-Length: 0\nContent-Length: {len(SMUGGLED) + 3}\n\n{SMUGGLED}",
    "an odd length": f"POST /a HTTP/1.1\nHost: a\nContent-Length: +0\n\n{SMUGGLED}",
    "an odd coding": f"POST /a HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked\nContent-Length: 5\n\n0\n\n{SMUGGLED}",
    "a blank before the colon": f"POST /a HTTP/1.1\nHost: a\nContent-Length : 0\n\n{SMUGGLED}",
    "a folded line": f"POST /a HTTP/1.1\nHost: a\nX: y\n Content-Length: 0\n\n{SMUGGLED}",
}


@pytest.mark.asvs("4.2.1")
@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_request_of_which_it_is_unclear_where_it_ends_is_refused(served, name):
    said = _said(served, AMBIGUOUS[name])
    assert said.startswith("HTTP/1.1 4") and "[/smuggled" not in said, said


@pytest.mark.asvs("4.2.1", "13.4.6")
def test_chunks_count_where_a_length_is_given_as_well(served):
    both = "POST /a HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nContent-Length: 4\n\n3\nabc\n0\n\n"
    said = _said(served, both)
    assert said.startswith("HTTP/1.1 400") or "[/a 3]" in said, said
    plain = _said(served, "POST /a HTTP/1.1\nHost: a\nContent-Length: 3\nConnection: close\n\nabc")
    assert "[/a 3]" in plain and not re.search(r"^server: .*\d", plain, re.IGNORECASE | re.MULTILINE)
