"""Hosts: what may stand on an egress list."""

import pytest

from registry.manifests import read
from registry.manifests.hosts import BadHost, check_address, check_host


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("127.0.0.1", "egress-address"),
        ("https://10.0.0.1", "egress-address"),
        ("169.254.169.254", "egress-address"),
        ("2130706433", "egress-address"),
        ("0x7f.1", "egress-address"),
        ("0x7f000001", "egress-address"),
        ("017700000001", "egress-address"),
        ("127.1", "egress-address"),
        ("1.2.3.4.", "egress-address"),
        ("①②⑦.⓪.⓪.①", "egress-address"),
        ("127。0。0。1", "egress-address"),
        ("[::1]", "egress-address"),
        ("https://[::ffff:127.0.0.1]", "egress-address"),
        ("fe80::1", "egress-address"),
        ("127.0.0.1:443", "egress-address"),
        ("localhost", "egress-localhost"),
        ("LOCALHOST.", "egress-localhost"),
        ("https://localhost", "egress-localhost"),
        ("foo.localhost", "egress-localhost"),
        ("localhost:443", "egress-localhost"),
        ("printer.local", "egress-localhost"),
        ("metadata.google.internal", "egress-localhost"),
        ("ｌocalhost", "egress-localhost"),
        ("*.co.uk", "egress-public-suffix"),
        ("*.com", "egress-public-suffix"),
        ("*.github.io", "egress-public-suffix"),
        ("co.uk", "egress-public-suffix"),
        ("*.example.com", "egress-wildcard"),
        ("*", "egress-wildcard"),
        ("api.*.example.com", "egress-wildcard"),
        ("http://api.example.com", "egress-not-https"),
        ("ftp://api.example.com", "egress-not-https"),
        ("file:///etc/passwd", "egress-not-https"),
        ("intranet", "egress-localhost"),
        ("server", "egress-host"),
        ("bücher.example", "egress-host"),
        ("api.example.com@evil.test", "egress-host"),
        ("https://api.example.com:8443", "egress-host"),
        ("https://api.example.com\\@evil.test", "egress-host"),
        ("api.example.com?x", "egress-host"),
        ("api..example.com", "egress-host"),
        ("-a.example.com", "egress-host"),
        ("a.onion", "egress-host"),
        ("a" * 64 + ".example.com", "egress-host"),
        ("{connection.host}", "missing-key"),
    ],
)  # fmt: skip
def test_a_host_that_could_mean_another_place_is_refused(written, code):
    reading = read(f"connector: a\nactions: []\negress: ['{written}']\n")
    assert [finding.code for finding in reading.findings] == [code]
    assert reading.findings[0].line == 3


@pytest.mark.parametrize(
    ("written", "host", "prefix"),
    [
        ("https://www.googleapis.com", "www.googleapis.com", "/"),
        ("API.HubAPI.com.", "api.hubapi.com", "/"),
        ("https://slack.com/api", "slack.com", "/api"),
        ("https://api.example.com:443/v1", "api.example.com", "/v1"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", "/"),
        ("googleapis.com", "googleapis.com", "/"),
    ],
)
def test_an_exact_host_is_kept_in_one_spelling(written, host, prefix):
    manifest = read(f"connector: a\nactions: []\negress: ['{written}']\n").manifest
    assert manifest is not None and manifest.hosts == (host,)
    assert manifest.canonical["egress"][0]["path_prefix"] == prefix


def test_a_host_fixed_at_connect_stays_below_its_suffix():
    text = (
        "connector: a\nactions: []\nbase_url: 'https://{connection.host}/services'\n"
        "egress: [{ host: '{connection.host}', suffix: %s }]\n"
    )
    manifest = read(text % "my.salesforce.com").manifest
    assert manifest is not None and manifest.hosts == ("*.my.salesforce.com",)
    for suffix, code in [
        ("com", "egress-public-suffix"),
        ("github.io", "egress-public-suffix"),
        ("localhost", "egress-localhost"),
    ]:
        assert [finding.code for finding in read(text % suffix).findings] == [code]


def test_a_suffix_without_a_connection_is_refused():
    reading = read("connector: a\nactions: []\negress: [{ host: a.example.com, suffix: example.com }]\n")
    assert [finding.code for finding in reading.findings] == ["bad-value"]


def test_the_checks_can_be_called_alone():
    assert check_host("API.example.com") == "api.example.com"
    assert check_address("https://a.example.com/x") == ("a.example.com", "/x")
    with pytest.raises(BadHost):
        check_address("https://a.example.com:80")
