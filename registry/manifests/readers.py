"""Readers of the values that have rules of their own: hosts, paths, headers, tags, statuses, operations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from . import hosts
from .findings import ABSENT, Findings
from .nodes import Literal, Map, Node, Text, shown
from .shapes import Shape, text
from .types import DATA_CLASSES

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
APPROVAL_TAGS: dict[str, str] = {
    "bulk_delete": "A delete of more records than the bulk rule allows",
    "bulk_send": "A message to more people than the bulk rule allows",
    "bulk_write": "A change to more records than the bulk rule allows",
    "delete": "Any delete",
    "new_destination": "A first message or transfer to somebody",
    "write": "Any change",
}
# Set by authentication or transport, or able to smuggle a second request.
_OWN_HEADERS = frozenset({
    "authorization", "connection", "content-length", "cookie", "expect", "forwarded", "host", "keep-alive", "te",
    "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%-]|/|\{[A-Za-z_][A-Za-z0-9_]*\})*", re.ASCII)
PATH_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def approval_tag(node: Node, findings: Findings, path: str) -> Any:
    """One tag whatever the order of its words: ``send_bulk`` is ``bulk_send``."""
    value = text(40)(node, findings, path)
    if value is ABSENT:
        return ABSENT
    tag = "_".join(sorted(value.split("_"))) if "bulk" in value.split("_") else value
    if tag not in APPROVAL_TAGS:
        close = findings.nearest(value, APPROVAL_TAGS)
        fix = f"Did you mean {close}?" if close else f"The tags are {', '.join(APPROVAL_TAGS)}."
        return findings.add("bad-tag", node, path, f"{shown(value)} is no approval tag.", fix)
    return tag


def data_class(node: Node, findings: Findings, path: str) -> Any:
    value = text(40)(node, findings, path)
    if value is ABSENT or value in DATA_CLASSES:
        return value
    close = findings.nearest(value, DATA_CLASSES)
    fix = f"Did you mean {close}?" if close else f"The classes are {', '.join(DATA_CLASSES)}."
    return findings.add("unknown-class", node, path, f"{shown(value)} is no data class.", fix)


def status(node: Node, findings: Findings, path: str) -> Any:
    """A status code as a number, or a class of them as ``4xx`` or ``5xx``."""
    written = node.value if isinstance(node, Text) else node.source if isinstance(node, Literal) else ""
    if re.fullmatch("[1-5][0-9]{2}", written, re.ASCII):
        return int(written)
    if re.fullmatch("[45]xx", written.lower(), re.ASCII):
        return written.lower()
    return findings.add(
        "bad-value", node, path, f"{shown(written)} is not a status.", "Write a status such as 404, or 4xx, 5xx."
    )


def url_path(node: Node, findings: Findings, path: str) -> Any:
    value = text(500)(node, findings, path)
    if value is ABSENT:
        return ABSENT
    segments = value.split("/")[1:]
    if not _PATH.fullmatch(value) or ".." in segments or "." in segments or "" in segments[:-1]:
        return findings.add("bad-path", node, path, f"{shown(value)} is not a plain absolute path.")
    if re.search("%(?:2e|2f|5c|00)", value, re.IGNORECASE) or re.search("%(?![0-9A-Fa-f]{2})", value):
        return findings.add(
            "bad-path", node, path, f"{shown(value)} hides a sign behind a percent code.", "Write the path without it."
        )
    return value


def path_prefix(node: Node, findings: Findings, path: str) -> Any:
    value = url_path(node, findings, path)
    if value is not ABSENT and "{" in value:
        return findings.add(
            "bad-path", node, path, "A path prefix is fixed and takes no inputs.", "End it before the brace."
        )
    return value


def header_value(node: Node, findings: Findings, path: str) -> Any:
    header = path.rpartition(".")[2].lower()
    if is_foreign(header):
        return findings.add("bad-header", node, path, f"The header {header} may not be set by a manifest.")
    return text(500, pattern=r"[\x20-\x7e]+", expected="printable ASCII")(node, findings, path)


def is_foreign(header: str) -> bool:
    """Whether no manifest may set it; ``header`` is in lower case."""
    return header in _OWN_HEADERS or header.startswith(("proxy-", "sec-", "x-forwarded-"))


def own_header(node: Node, findings: Findings, path: str) -> Any:
    """The name of a header that a manifest may have set."""
    name = text(64, pattern="[A-Za-z0-9-]+", expected="a header name")(node, findings, path)
    if name is not ABSENT and is_foreign(name.lower()):
        return findings.add("bad-header", node, path, f"The header {name} may not be set by a manifest.")
    return name


def code_file(node: Node, findings: Findings, path: str) -> Any:
    return text(100, pattern=r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.py", expected="a Python file name without folders")(
        node, findings, path
    )


def timezone(node: Node, findings: Findings, path: str) -> Any:
    value = text(64, pattern=r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", expected="a time zone such as Europe/Berlin")(
        node, findings, path
    )
    if value is ABSENT:
        return ABSENT
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):
        return findings.add(
            "bad-reference",
            node,
            path,
            f"{shown(value)} is no time zone.",
            "Write a name such as UTC or Europe/Berlin.",
        )
    return value


def egress_host(node: Node, findings: Findings, path: str) -> Any:
    value = text(300)(node, findings, path)
    if value is ABSENT or value == hosts.CONNECTION_HOST:
        return value
    try:
        address = hosts.check_address(value)
    except hosts.BadHost as problem:
        return findings.add(problem.code, node, path, str(problem), problem.fix)
    if address.path.strip("/"):
        return findings.add(
            "egress-host", node, path, f"{shown(value)} has a path.", "Write the host, and the path under path_prefix."
        )
    return address.host


def host_suffix(node: Node, findings: Findings, path: str) -> Any:
    value = text(300)(node, findings, path)
    if value is ABSENT:
        return ABSENT
    try:
        return hosts.check_host(value, suffix=True)
    except hosts.BadHost as problem:
        return findings.add(problem.code, node, path, str(problem), problem.fix)


def egress_entry(shape: Shape) -> Callable[[Node, Findings, str], Any]:
    """A map, or short an address whose path is the prefix: ``https://www.googleapis.com/drive``."""

    def read(node: Node, findings: Findings, path: str) -> Any:
        if isinstance(node, Map):
            entry = shape(node, findings, path)
            has_suffix, by_connection = "suffix" in entry, entry.get("host") == hosts.CONNECTION_HOST
            if by_connection and not has_suffix and node.get("suffix") is None:
                return findings.add(
                    "missing-key",
                    node,
                    path,
                    "A host that is fixed at Connect needs the domain it must be below.",
                    "Add suffix.",
                )
            if has_suffix and not by_connection and "host" in entry:
                return findings.add(
                    "bad-value", node, path, "A suffix goes with {connection.host} only.", "Remove the suffix."
                )
        else:
            value = text(500)(node, findings, path)
            if value is ABSENT:
                return ABSENT
            try:
                address = hosts.check_address(value)
            except hosts.BadHost as problem:
                return findings.add(problem.code, node, path, str(problem), problem.fix)
            if address.host == hosts.CONNECTION_HOST:
                return findings.add(
                    "missing-key",
                    node,
                    path,
                    "A host that is fixed at Connect needs its suffix.",
                    "Write { host, suffix }.",
                )
            prefix = url_path(Text(address.path or "/", node.line, node.column), findings, path)
            if prefix is ABSENT:
                return ABSENT
            entry = {"host": address.host, "path_prefix": prefix}
        return {"methods": list(METHODS), "path_prefix": "/", **entry} if "host" in entry else ABSENT

    return read
