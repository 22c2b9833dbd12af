"""A SAML identity provider by pysaml2 and xmlsec1: signed answers of every kind, and a sign-in page.

It runs in the test's process. ``respond`` makes one signed answer; ``serving`` puts a page on loopback for a browser.
"""

import datetime
import threading
import warnings
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pysaml2 names ciphers that cryptography has moved
    import saml2
    from saml2.config import IdPConfig
    from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
    from saml2.server import Server

ENTITY_ID = "https://idp.example.test/metadata"
AUTHN = {"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", "authn_auth": ENTITY_ID}


@dataclass
class SamlPeer:
    """``folder`` holds its key and certificate; ``sso_url`` is where browsers are sent to."""

    folder: Path
    sso_url: str = "https://idp.example.test/sso"
    consumer: str = ""  # the metadata of whoever asks, as it published it

    def __post_init__(self):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example.test")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=90))
            .sign(key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
        (self.folder / "idp.crt").write_text(self.certificate, encoding="ascii")
        (self.folder / "idp.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )

    @cached_property
    def server(self) -> Server:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = IdPConfig().load(
                {
                    "entityid": ENTITY_ID,
                    "key_file": str(self.folder / "idp.key"),
                    "cert_file": str(self.folder / "idp.crt"),
                    "metadata": {"inline": [self.consumer]},
                    "service": {
                        "idp": {
                            "endpoints": {"single_sign_on_service": [(self.sso_url, saml2.BINDING_HTTP_REDIRECT)]},
                            "policy": {"default": {"lifetime": {"minutes": 5}, "name_form": URI}},
                        }
                    },
                }
            )
            return Server(config=config)

    def request_id(self, redirect_to: str) -> str:
        """The id of the AuthnRequest in the address that Galaxy sent the browser to, read by pysaml2."""
        query = parse_qs(urlsplit(redirect_to).query)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            request = self.server.parse_authn_request(query["SAMLRequest"][0], saml2.BINDING_HTTP_REDIRECT)
        return request.message.id

    def respond(
        self,
        *,
        in_response_to: str,
        destination: str,
        audience: str,
        attributes: dict[str, str],
        subject: str = "employee-1",
        subject_format: str = NAMEID_FORMAT_PERSISTENT,
        sign_assertion: bool = True,
        sign_response: bool = True,
    ) -> str:
        """The XML of an answer, signed as pysaml2 does it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(
                self.server.create_authn_response(
                    attributes,
                    in_response_to=in_response_to,
                    destination=destination,
                    sp_entity_id=audience,
                    name_id=NameID(format=subject_format, text=subject),
                    authn=AUTHN,
                    sign_assertion=sign_assertion,
                    sign_response=sign_response,
                    sign_alg="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
                    digest_alg="http://www.w3.org/2001/04/xmlenc#sha256",
                )
            )


URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"


@contextmanager
def serving(folder: Path, *, attributes: dict[str, str]) -> Iterator[SamlPeer]:
    """A provider on loopback whose page has one button; ``attributes`` are what it then says of the person."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._page(f'<form method="post" action="{escape(self.path)}"><button>Sign in at the IdP</button></form>')

        def do_POST(self):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                query = parse_qs(urlsplit(self.path).query)
                asked = peer.server.parse_authn_request(query["SAMLRequest"][0], saml2.BINDING_HTTP_REDIRECT).message
            answer = peer.respond(
                in_response_to=asked.id,
                destination=asked.assertion_consumer_service_url,
                audience=asked.issuer.text,
                attributes=attributes,
            )
            self._page(
                f'<form method="post" action="{escape(asked.assertion_consumer_service_url)}">'
                f'<input type="hidden" name="SAMLResponse" value="{encode(answer)}"><button>Go on</button></form>'
            )

        def _page(self, body: str):
            head = '<!doctype html><html lang="en"><title>IdP</title><link rel="icon" href="data:,">'
            text = f"{head}{body}</html>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    peer = SamlPeer(folder, f"http://127.0.0.1:{server.server_port}/sso")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def encode(xml: str | bytes) -> str:
    """As the browser posts it."""
    return b64encode(xml if isinstance(xml, bytes) else xml.encode()).decode()
