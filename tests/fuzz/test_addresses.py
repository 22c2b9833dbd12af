"""The broker's one form of address: what it takes leads every parser to the same place, which is where it connects."""

import ipaddress
from urllib.parse import unquote, urlsplit
from urllib.request import Request

import httpcore2
import httpx2
import urllib3
import yarl
from hypothesis import example, given
from hypothesis import strategies as st

from galaxy.core.egress import HostRule, Refused, rules, urls
from galaxy.core.egress.addresses import refusal
from tests.fuzz.edits import edited
from tests.fuzz.profile import examples, soon

HOST = "api.allowed.test"
SEEDS = [
    f"https://{HOST}/", f"https://{HOST}:8443/a/b?x=1&y=%20", "HTTPS://API.Allowed.Test/v1/items/a%2Fb;p=1?filter[x]=1",
    f"https://{HOST}", f"https://{HOST}?q", f"https://{HOST}:443/~a/!$&'()*+,;=:@", f"https://a_b.x--y.{HOST}/x",
]  # fmt: skip
PIECES = [
    "@", ":", "/", "//", "\\", "?", "#", "%", "%2e", "%2f", "%5c", "%00", "%0d%0a", "..", "/../", "/./", ";", "[", "]",
    "[::1]", " ", "\t", "\r\n", "\x00", "é", "。", "ａ", "①", "\u00ad", "ß", "xn--", "127.0.0.1", "0x7f.1", "evil.test",
    ".",
    "-", "_",
    ":443", ":0", ":80", ":99999", "user:pw@", "{", "}", "|", "^", "`", '"', "<", ">", "%25",
    "%c0%ae", "\u2025", "\udc80",
]  # fmt: skip


def told(text: str) -> urls.Url | None:
    try:
        return soon(urls.parse, text)
    except Refused as refused:
        assert refused.code == "bad_url"
        assert refused.category == "policy_block"
        return None


def one_place(text: str) -> None:
    """Refused, or the same place to every parser that is at hand."""
    url = told(text)
    if url is None:
        return
    split, other = urlsplit(text), httpx2.URL(text)
    third, fourth = yarl.URL(text, encoded=True), urllib3.util.parse_url(text)
    request = Request(text)  # noqa: S310  (looked at, never opened)
    hosts = {split.hostname, other.raw_host.decode(), third.raw_host, fourth.host, request.host.partition(":")[0]}
    assert {host.lower() for host in hosts} == {url.host}
    assert {split.port or 443, other.port or 443, third.port, fourth.port or 443} == {url.port}
    assert {split.username, third.user, fourth.auth} == {None}
    assert (other.userinfo, other.fragment, split.fragment, third.fragment, fourth.fragment) == (b"", "", "", "", None)
    assert {split.path or "/", third.raw_path or "/"} == {url.path}
    assert {split.query, third.raw_query_string} == {url.query or ""}
    assert str(told(str(url))) == str(url)


@examples(300)
@given(edited(SEEDS, PIECES, 4))
@example(f"https://{HOST}:443@evil.test/")
@example(f"https://evil.test\\@{HOST}/")
@example("https://0x7f.0x1/")
def test_what_is_taken_is_one_place_to_every_parser(text):
    one_place(text)


@examples(120)
@given(edited(SEEDS, PIECES, 4))
def test_what_the_transport_would_ask_for_is_what_was_checked(text):
    """httpcore2 is what connects: its own reading of the very parts it is given."""
    url = told(text)
    if url is None:
        return
    own = httpcore2.URL(scheme=b"https", host=url.host, port=url.port, target=url.target.encode())
    assert (own.host, own.origin.port, own.target) == (url.host.encode(), url.port, url.target.encode())
    line = f"GET {url.target} HTTP/1.1\r\nHost: {url.host}\r\n\r\n"
    assert line.isascii() and line.count("\r") == 3 and line.count("\n") == 3 and line.count(" ") == 3
    assert url.host == url.host.lower() and not url.host.rpartition(".")[2].isdecimal()
    assert ".." not in unquote(unquote(url.path)).replace("\\", "/").split("/")


@examples(120)
@given(edited(SEEDS, PIECES, 3), st.sampled_from(["/", "/v1", "/v1/items"]), st.sampled_from(["GET", "POST"]))
def test_what_a_rule_lets_pass_lies_below_it(text, prefix, method):
    url = told(text)
    if url is None:
        return
    try:
        rules.check([HostRule(HOST, frozenset({"GET"}), prefix)], method, url)
    except Refused as refused:
        assert refused.code in ("host_not_allowed", "method_not_allowed", "path_not_allowed")
        return
    assert (method, url.host, url.port) == ("GET", HOST, 443)
    for path in (url.path, unquote(url.path), unquote(unquote(url.path))):
        assert path == prefix or path.startswith(prefix.rstrip("/") + "/")


NUMBERS = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "8.8.8.8", "2606:4700::1111", "64:ff9b::7f00:1"]
SIGNS = ["0", "x", ":", "::", ".", "%", "eth0", "[", "]", "ffff", "1", "255", " ", "٤", "/", "\x00", "é"]


@examples(150)
@given(edited(NUMBERS, SIGNS, 3) | st.ip_addresses().map(str) | st.text(max_size=20))
def test_an_address_is_public_or_refused_in_words(text):
    reason = soon(refusal, text)
    assert reason is None or reason
    if reason is None:
        address = ipaddress.ip_address(text)
        assert address.is_global and not address.is_loopback and not address.is_multicast and not address.is_link_local
