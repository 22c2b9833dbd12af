"""Which IP addresses a call may be connected to: only those that are public, by a table of our own.

Python's ``ipaddress`` is no help here: ``is_private`` and ``is_global`` let forms through that carry an IPv4 address
inside (NAT64, 6to4, IPv4-compatible), site-local addresses and multicast. The ranges are those of IANA's IPv4 and IPv6
Special-Purpose Address Registries (RFC 6890, as amended), of the multicast and reserved blocks, and the addresses at
which clouds answer their machines with credentials.
"""

import re
import socket

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)
_IPV6 = re.compile(r"[0-9a-fA-F:.]{2,45}", re.ASCII)

# First match wins, so the single addresses stand before the ranges around them.
_FORBIDDEN_IPV4 = [
    ("169.254.169.254/32", "the metadata service of AWS, Azure, Google and others"),
    ("169.254.170.2/32", "the credentials service of AWS containers"),
    ("168.63.129.16/32", "the host agent of Azure"),
    ("100.100.100.200/32", "the metadata service of Alibaba Cloud"),
    ("192.0.0.192/32", "the metadata service of Oracle Cloud"),
    ("0.0.0.0/32", "the unspecified address"),
    ("0.0.0.0/8", "this network (RFC 791)"),
    ("10.0.0.0/8", "private (RFC 1918)"),
    ("100.64.0.0/10", "shared by carriers (RFC 6598)"),
    ("127.0.0.0/8", "loopback (RFC 1122)"),
    ("169.254.0.0/16", "link-local (RFC 3927)"),
    ("172.16.0.0/12", "private (RFC 1918)"),
    ("192.0.0.0/24", "protocol assignments (RFC 6890)"),
    ("192.0.2.0/24", "documentation (RFC 5737)"),
    ("192.31.196.0/24", "AS112 (RFC 7535)"),
    ("192.52.193.0/24", "multicast tunnels (RFC 7450)"),
    ("192.88.99.0/24", "6to4 relays (RFC 7526)"),
    ("192.168.0.0/16", "private (RFC 1918)"),
    ("192.175.48.0/24", "AS112 (RFC 7534)"),
    ("198.18.0.0/15", "benchmarking (RFC 2544)"),
    ("198.51.100.0/24", "documentation (RFC 5737)"),
    ("203.0.113.0/24", "documentation (RFC 5737)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("255.255.255.255/32", "broadcast (RFC 919)"),
    ("240.0.0.0/4", "reserved (RFC 1112)"),
]
_FORBIDDEN_IPV6 = [
    ("::/128", "the unspecified address"),
    ("::1/128", "loopback (RFC 4291)"),
    ("::ffff:0:0/96", "an IPv4 address in disguise (mapped, RFC 4291)"),
    ("::ffff:0:0:0/96", "an IPv4 address in disguise (translated, RFC 2765)"),
    ("::/96", "an IPv4 address in disguise (compatible, RFC 4291)"),
    ("64:ff9b::/96", "an IPv4 address in disguise (NAT64, RFC 6052)"),
    ("64:ff9b:1::/48", "an IPv4 address in disguise (local NAT64, RFC 8215)"),
    ("100::/64", "discarded (RFC 6666)"),
    ("100:0:0:1::/64", "a dummy prefix (RFC 9780)"),
    ("2001::/32", "an IPv4 address in disguise (Teredo, RFC 4380)"),
    ("2001:2::/48", "benchmarking (RFC 5180)"),
    ("2001:10::/28", "ORCHID (RFC 4843)"),
    ("2001::/23", "protocol assignments (RFC 2928)"),
    ("2001:db8::/32", "documentation (RFC 3849)"),
    ("2002::/16", "an IPv4 address in disguise (6to4, RFC 3056)"),
    ("2620:4f:8000::/48", "AS112 (RFC 7534)"),
    ("3fff::/20", "documentation (RFC 9637)"),
    ("5f00::/16", "segment routing (RFC 9602)"),
    ("fd00:ec2::254/128", "the metadata service of AWS"),
    ("fd00:ec2::23/128", "the credentials service of AWS containers"),
    ("fd20:ce::254/128", "the metadata service of Google Cloud"),
    ("fc00::/7", "private (unique local, RFC 4193)"),
    ("fe80::/10", "link-local (RFC 4291)"),
    ("fec0::/10", "private (site-local, RFC 3879)"),
    ("ff00::/8", "multicast (RFC 4291)"),
]
_GLOBAL_UNICAST = 0b001  # the first three bits of 2000::/3, the only block from which public addresses are given out
# The third and fourth groups of an ISATAP interface id (RFC 5214); the universal bit may be set or not.
_ISATAP = {0x0000_5EFE, 0x0200_5EFE, 0x0100_5EFE, 0x0300_5EFE}


def refusal(address: str) -> str | None:
    """Why ``address`` may not be connected to, as words after "it is"; None for a public address.

    ``address`` is the text of an IPv4 address in four plain decimals or of an IPv6 address without a zone. Everything
    else that some parser would take for an address (``127.1``, ``0x7f.1``, octal, one number, ``[::1]``, ``%eth0``) is
    refused as none.
    """
    if not isinstance(address, str):
        return "no IP address"
    if _IPV4.fullmatch(address):
        return _first_match(int.from_bytes(socket.inet_pton(socket.AF_INET, address)), 32, _IPV4_RANGES)
    if not _IPV6.fullmatch(address):
        return "no IP address"
    try:
        number = int.from_bytes(socket.inet_pton(socket.AF_INET6, address))
    except OSError:
        return "no IP address"
    reason = _first_match(number, 128, _IPV6_RANGES)
    if reason:
        return reason
    if number >> 125 != _GLOBAL_UNICAST:
        return "outside of what is public in IPv6 (2000::/3)"
    if number >> 32 & 0xFFFF_FFFF in _ISATAP:
        return "an IPv4 address in disguise (ISATAP, RFC 5214)"
    return None


def _first_match(number: int, bits: int, ranges: list[tuple[int, int, str]]) -> str | None:
    for network, length, reason in ranges:
        if number >> (bits - length) == network:
            return reason
    return None


def _table(rows: list[tuple[str, str]], family: int, bits: int) -> list[tuple[int, int, str]]:
    """(leading bits as a number, how many, reason) of each range."""
    table = []
    for written, reason in rows:
        base, _, length = written.partition("/")
        network = int.from_bytes(socket.inet_pton(family, base)) >> (bits - int(length))
        table.append((network, int(length), reason))
    return table


_IPV4_RANGES = _table(_FORBIDDEN_IPV4, socket.AF_INET, 32)
_IPV6_RANGES = _table(_FORBIDDEN_IPV6, socket.AF_INET6, 128)
