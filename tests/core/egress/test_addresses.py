"""Addresses: a table of tricks that are refused, and of public ones that are not."""

import ipaddress

import pytest

from galaxy.core.egress.addresses import refusal

FORBIDDEN = {
    "0.0.0.0": "unspecified",  # noqa: S104  (nothing is bound to it)
    "0.1.2.3": "this network",
    "10.0.0.0": "private",
    "10.255.255.255": "private",
    "100.64.0.0": "carriers",
    "100.127.255.255": "carriers",
    "100.100.100.200": "Alibaba",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "Azure",
    "169.254.0.1": "link-local",
    "169.254.169.254": "metadata",
    "169.254.170.2": "containers",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.8": "protocol",
    "192.0.0.192": "Oracle",
    "192.0.2.1": "documentation",
    "192.31.196.1": "AS112",
    "192.52.193.1": "multicast",
    "192.88.99.1": "6to4",
    "192.168.0.1": "private",
    "192.175.48.1": "AS112",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "benchmarking",
    "198.51.100.1": "documentation",
    "203.0.113.255": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "0:0:0:0:0:0:0:1": "loopback",
    "::127.0.0.1": "compatible",
    "::7f00:1": "compatible",
    "::ffff:127.0.0.1": "mapped",
    "::FFFF:a9fe:a9fe": "mapped",
    "::ffff:93.184.216.34": "mapped",
    "::ffff:0:127.0.0.1": "translated",
    "64:ff9b::169.254.169.254": "NAT64",
    "64:ff9b::7f00:1": "NAT64",
    "64:ff9b:1::a00:1": "NAT64",
    "100::1": "discarded",
    "100:0:0:1::1": "dummy",
    "2001::1": "Teredo",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "Teredo",
    "2001:2::1": "benchmarking",
    "2001:10::1": "ORCHID",
    "2001:1ff::1": "protocol",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4",
    "2002:a9fe:a9fe::1": "6to4",
    "2620:4f:8000::1": "AS112",
    "3fff::1": "documentation",
    "3fff:fff::1": "documentation",
    "4000::1": "2000::/3",
    "5f00::1": "segment",
    "fc00::1": "private",
    "fd00:ec2::254": "AWS",
    "fd20:ce::254": "Google",
    "fdff::1": "private",
    "fe80::1": "link-local",
    "febf::1": "link-local",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "2a00:1450:4001:80e::5efe:7f00:1": "ISATAP",
    "2a00:1450:4001:80e:0:5efe:10.0.0.1": "ISATAP",
    "2a00:1450:4001:80e:200:5efe:a00:1": "ISATAP",
}
NO_ADDRESS = [
    "", " ", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "127.0.0.01", "1.2.3",
    "1.2.3.4.", "1.2.3.4.5", "1.2.3.256", " 8.8.8.8", "8.8.8.8 ", "8.8.8.8\n", "+8.8.8.8", "8.8.8.8/32", "8.8.8.8:443",
    "①②⑦.⓪.⓪.①", "１.1.1.1", "8。8。8。8", "[::1]", "[2606:4700::1111]", "fe80::1%eth0", "2606:4700::1111%1",
    "2606:4700::1111%25eth0", "2606:4700:::1111", "1::2::3", "12345::", "2606:4700::1.2.3", "::ffff:127.1",
    "localhost", "dead", "8.8.8.8\x00", None, 2130706433, b"8.8.8.8",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1", "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2000::1", "2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700:4700::1111", "2a00:1450:4001:80e::200e",
    "2A00:1450:4001:80E::200E", "3ffe::1",
]  # fmt: skip


def test_the_tables_are_as_long_as_they_should_be():
    assert len(FORBIDDEN) + len(NO_ADDRESS) >= 60
    assert len(PUBLIC) >= 20


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize(("address", "reason"), FORBIDDEN.items())
def test_an_address_that_is_not_public_is_refused_with_its_reason(address, reason):
    ipaddress.ip_address(address)  # the table holds addresses, not typing errors
    assert reason in refusal(address)


@pytest.mark.parametrize("text", NO_ADDRESS, ids=repr)
def test_what_is_no_plain_address_is_refused_as_none(text):
    assert refusal(text) == "no IP address"


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not(address):
    assert refusal(address) is None


def test_it_is_stricter_than_the_standard_library():
    """What ``is_global`` alone would let through."""
    lax = [address for address in FORBIDDEN if ipaddress.ip_address(address).is_global]
    assert len(lax) > 10
    assert all(refusal(address) for address in lax)
    assert all(ipaddress.ip_address(address).is_global for address in PUBLIC if address != "3ffe::1")
