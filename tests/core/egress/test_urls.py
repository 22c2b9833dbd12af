"""Addresses and rules: what is accepted means one place to every parser, and that place is declared."""

from urllib.parse import unquote, urlsplit

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from galaxy.core.egress import HostRule, Refused, rules, urls
from registry.manifests.hosts import BadHost, check_host
from tests.core.egress.conftest import API, PATIENT, make_broker
from tests.core.egress.conftest import get as call

REFUSED_URLS = [
    "", "x", "//evil.test/", "/path", "http://api.allowed.test/", "ftp://api.allowed.test/", "file:///etc/passwd",
    "https:api.allowed.test/", "https:/api.allowed.test/", "https:///api.allowed.test/", "https://", "https://?x",
    "https://evil.test\\@api.allowed.test/", "https://api.allowed.test\\.evil.test/", "https://api.allowed.test/\\x",
    "https://api。allowed。test.evil.test/", "https://ａpi.allowed.test/", "https://127.0.0.1/", "https://127.1/",
    "https://0177.0.0.1/", "https://0x7f.1/", "https://2130706433/", "https://1.2.3.0x4/", "https://[::1]/",
    "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/", "https://api.allowed.test:0x1bb/",
    "https://api.allowed.test:/", "https://api.allowed.test:0/", "https://api.allowed.test:443:443/",
    "https://api.allowed.test:65536/", "https://api.allowed.test:99999/",
    "https://api.allowed.test: 443/", "https://api.allowed.test:٤٤٣/", "https://api.allowed.test./",
    "https://user@api.allowed.test/", "https://user:pw@api.allowed.test/", "https://api.allowed.test:443@evil.test/",
    "https://api.allowed.test%2eevil.test/", "https://api%2eallowed.test/", "https://{{secret:K}}.evil.test/",
    "https://localhost/", "https://test/", "https://-api.test/", "https://api..test/", "https://" + "a" * 64 + ".test/",
    "https://api.allowed.test/ x", "https://api.allowed.test/\tx", "https://api.allowed.test/\r\nHost: evil.test",
    "https://api.allowed.test/x\x00", "https://api.allowed.test/x#", "https://api.allowed.test/#@evil.test/",
    " https://api.allowed.test/", "https://api.allowed.test/é", "https://api.allowed.test/" + "a" * 2048,
    "https://api.allowed.test/%", "https://api.allowed.test/%g0", "https://api.allowed.test/?a=%2",
    "https://api.allowed.test/?a=<b>", "https://api.allowed.test/{x}", "https://api.allowed.test/%ff",
]  # fmt: skip
# Under the rule /drive/v3, each of them could mean /admin to some server.
CLIMBING = [
    "/drive/v3/../../admin", "/drive/v3/..", "/drive/v3/.", "/drive/v3/./x", "/drive/v3/%2e%2e/%2e%2e/admin",
    "/drive/v3/%2E./admin", "/drive/v3/..%2f..%2fadmin", "/drive/v3/%2e%2e%2fadmin", "/drive/v3/..%5cadmin",
    "/drive/v3/%252e%252e/admin", "/drive/v3/%25252e%25252e/admin", "/drive/v3/..;/admin", "/drive/v3/..;a=b/admin",
    "/drive/v3/.;/admin", "/drive/v3/%c0%ae%c0%ae/admin", "/drive/v3/%ef%bc%8e%ef%bc%8e/admin",
    "/drive/v3/%e2%80%a5/admin", "/drive/v3//x", "//drive/v3/x", "/drive/v3/%2fadmin", "/drive/v3/x%00",
    "/drive/v3/%0a", "/drive/v3/%5c%5cadmin", "/drive/v3/..%20/admin",
]  # fmt: skip
OUTSIDE = [
    "/",
    "/drive",
    "/drive/",
    "/drive/v2/x",
    "/drive/v3x",
    "/drive/v33/x",
    "/Drive/v3/x",
    "/drive%2fv3/x",
    "/d%72ive/v3",
]
INSIDE = [
    "/drive/v3",
    "/drive/v3/",
    "/drive/v3/files/a.b",
    "/drive/v3/x..y/...",
    "/drive/v3/a%2Fb",
    "/drive/v3/a%20b",
    "/drive/v3/%C3%A9",
]


@pytest.mark.asvs("1.1.1", "1.3.6", "2.2.1")
@pytest.mark.parametrize("url", [*REFUSED_URLS, None, 7, b"https://api.allowed.test/"], ids=lambda url: repr(url)[:60])
def test_an_address_that_is_not_plain_is_refused(url):
    with pytest.raises(Refused) as refused:
        urls.parse(url)
    assert refused.value.code == "bad_url"


@pytest.mark.parametrize("url", REFUSED_URLS, ids=lambda url: repr(url)[:60])
def test_and_nobody_is_asked_about_it(url):
    broker = make_broker()
    assert call(broker, url)["category"] == "policy_block"
    assert (broker._resolver.asked, broker._transport.sent) == ([], [])


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize("path", CLIMBING)
def test_a_path_that_could_climb_is_refused_before_the_rule_is_asked(path):
    with pytest.raises(Refused) as refused:
        urls.parse(f"https://{API}{path}")
    assert refused.value.code == "bad_url"


@pytest.mark.parametrize(("paths", "code"), [(OUTSIDE, "path_not_allowed"), (INSIDE, None)])
def test_a_prefix_covers_whole_segments(paths, code):
    broker = make_broker([HostRule(API, path_prefix="/drive/v3")])
    assert {call(broker, f"https://{API}{path}").get("error") for path in paths} == {code}


@pytest.mark.asvs("1.1.1")
def test_what_is_sent_is_what_was_checked():
    broker = make_broker()
    call(broker, "HTTPS://API.Allowed.Test:443/a%2Fb/c;d=1?q=%0d%0a&filter[x]=1")
    sent, _ = broker._transport.sent[0]
    assert (sent.host, sent.port, sent.target) == (API, 443, "/a%2Fb/c;d=1?q=%0d%0a&filter[x]=1")


@pytest.mark.asvs("1.3.6", "13.2.4")
@pytest.mark.parametrize(
    ("url", "method", "code"),
    [
        ("https://evil.test/", "GET", "host_not_allowed"),
        (f"https://{API}.evil.test/", "GET", "host_not_allowed"),
        (f"https://x.{API}/", "GET", "host_not_allowed"),
        ("https://allowed.test/", "GET", "host_not_allowed"),
        ("https://127.0.0.1.nip.io/", "GET", "host_not_allowed"),
        (f"https://{API}:22/v1/x", "GET", "host_not_allowed"),
        (f"https://{API}/v1/x", "DELETE", "method_not_allowed"),
        (f"https://{API}/v2/x", "GET", "path_not_allowed"),
        (f"https://{API}/v1/x", "POST", "path_not_allowed"),
        (f"https://{API}/send", "GET", "path_not_allowed"),
        (f"https://{API}/v1/x", "GET", None),
        (f"https://{API}/send", "POST", None),
    ],
)
def test_a_call_needs_a_rule_for_host_port_method_and_path(url, method, code):
    broker = make_broker([HostRule(API, frozenset({"GET"}), "/v1"), HostRule(API, frozenset({"POST"}), "/send")])
    answer = call(broker, url, method=method)
    assert answer.get("error") == code


def test_rules_come_from_the_manifest():
    entries = [
        {"host": API, "methods": ["GET", "POST"], "path_prefix": "/v1"},
        {"host": rules.CONNECTION_HOST, "suffix": "my.vendor.test", "methods": ["GET"], "path_prefix": "/"},
    ]
    first = HostRule(API, frozenset({"GET", "POST"}), "/v1")
    assert rules.parse(entries) == (first,)
    assert rules.parse(entries, connection_host="acme.my.vendor.test") == (
        first,
        HostRule("acme.my.vendor.test", frozenset({"GET"}), "/"),
    )


@pytest.mark.parametrize("host", ["my.vendor.test", "acmemy.vendor.test", "evil.test", "my.vendor.test.evil.test"])
def test_a_host_of_a_connection_lies_below_its_suffix(host):
    with pytest.raises(ValueError, match="not below"):
        rules.parse([{"host": rules.CONNECTION_HOST, "suffix": "my.vendor.test"}], connection_host=host)


@pytest.mark.parametrize("entry", [{"host": "127.0.0.1"}, {"host": "*.test"}, {"host": API, "methods": ["TRACE"]}])
def test_rules_that_no_manifest_holds_are_an_error(entry):
    with pytest.raises(ValueError, match="is no"):
        rules.parse([entry])


LABEL = st.from_regex(r"[a-z0-9_][a-z0-9_-]{0,8}", fullmatch=True)
ODD = st.text(alphabet="abz019.-_:/@\\?#%[]{};=& \t\r\n\x00éａ。①", max_size=40)


@PATIENT
@given(host=st.one_of(st.lists(LABEL, min_size=1, max_size=4).map(".".join), ODD))
@example(host="xn--bcher-kva.example")
def test_a_host_that_a_manifest_may_declare_can_be_called(host):
    try:
        declared = check_host(host)
    except BadHost:
        return
    assert urls.is_host(declared)


@pytest.mark.asvs("1.5.3")
@PATIENT
@given(
    scheme=st.sampled_from(["https://", "HTTPS://", "https:", "https:/", "https:///", "http://", "//", ""]),
    before=st.one_of(st.just(""), ODD),
    host=st.sampled_from([API, API.upper(), API + ".", "evil.test", "127.0.0.1", "[::1]", "0x7f.1"]),
    after=st.one_of(st.just("/"), ODD),
)
@example("https://", "evil.test\\@", API, "/")
@example("https://", "", API, ":443@evil.test/")
@example("https://", "", API, "/..;/x")
def test_whatever_is_accepted_names_the_same_host_to_other_parsers(scheme, before, host, after):
    text = scheme + before + host + after
    try:
        url = urls.parse(text)
        rules.check([HostRule(API, path_prefix="/")], "GET", url)
    except Refused:
        return
    split, other = urlsplit(text), httpx2.URL(text)
    assert (split.hostname, other.host, url.host) == (API, API, API)
    assert (split.port or 443, other.port or 443) == (url.port, url.port)
    assert (split.username, split.fragment, other.userinfo, other.fragment) == (None, "", b"", "")
    assert split.path in (url.path, "") and ".." not in unquote(unquote(url.path)).split("/")
    assert str(urls.parse(str(url))) == str(url)
