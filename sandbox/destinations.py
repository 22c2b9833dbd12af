"""Where a write goes, and whether anything like it went there before.

A destination is the host that a connection reaches, the domain of an address that is written to, or the host of an
address on the web among the inputs. What is kept of it is a keyed digest.
"""

import hashlib
import hmac
import re
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.db import lookups  # noqa: F401  (registers ``among``)
from galaxy.core.db.prepared import prepared
from galaxy.core.db.writing import insert
from registry.manifests import Manifest
from registry.manifests.hosts import CONNECTION_HOST
from registry.models import Connection, Installation
from sandbox.models import Destination
from sandbox.redaction import workspace_key
from sandbox.transforms.classes import Classes, Path, classes_at

MOST = 500  # of one call; one that names more goes somewhere new, and the others are not remembered
_WEB = ("http://", "https://")
_DOMAIN = re.compile(r"@([^\s@,;<>()\"'\[\]]+)")  # whatever an at sign leads to, so that odd spellings hide nothing


def names_of(inputs: dict[str, Any], tagged: Classes, manifest: Manifest, connection: Connection | None) -> set[str]:
    """Every destination that a call names, in lower case. ``tagged`` says which inputs carry the class email."""
    found = {_host(manifest, connection)} - {""}
    _collect(inputs, (), tagged, found)
    return found


def is_new(installation: Installation, names: set[str]) -> bool | None:
    """Whether a write of ``installation`` would go somewhere it never arrived before; None where nothing says where."""
    if not names:
        return None
    if len(names) > MOST:
        return True
    digests = _digests(installation.workspace_id, names)
    known = _known(workspace=installation.workspace_id, installation=installation.pk, digests=",".join(digests))
    return len(known) < len(digests)


def remember(installation: Installation, names: set[str]) -> None:
    """A write arrived there. In the transaction that says so."""
    now = timezone.now()
    digests = _digests(installation.workspace_id, names)[:MOST]
    rows = [
        Destination(
            workspace_id=installation.workspace_id,
            installation=installation,
            digest=digest,
            first_seen_at=now,
            last_seen_at=now,
        )
        for digest in digests  # sorted, so that two writers never wait for each other crosswise
    ]
    if rows:
        insert(*rows, or_update=(["workspace", "installation", "digest"], ["last_seen_at"]))


@prepared
def _known(workspace: UUID, installation: UUID, digests: str) -> QuerySet[Destination, str]:
    rows = Destination.objects.filter(workspace=workspace, installation=installation, digest__among=digests)
    return rows.order_by().values_list("digest", flat=True)


def _digests(workspace_id: UUID, names: set[str]) -> list[str]:
    key = workspace_key(workspace_id)
    return sorted(hmac.new(key, f"destination:{name}".encode(), hashlib.sha256).hexdigest() for name in names)


def _host(manifest: Manifest, connection: Connection | None) -> str:
    """What the connection reaches; an extension without one host of its own names none."""
    if connection and connection.host:
        return connection.host.lower()
    declared = urlsplit(manifest.canonical.get("base_url", "")).hostname or ""
    return "" if CONNECTION_HOST in declared else declared


def _collect(value: Any, path: Path, tagged: Classes, found: set[str]) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            _collect(part, (*path, name), tagged, found)
    elif isinstance(value, list):
        for part in value:
            _collect(part, (*path, "*"), tagged, found)
    elif isinstance(value, str) and value:
        if "email" in classes_at(path, tagged):
            found |= _domains(value)
        elif value.lower().startswith(_WEB):
            found.add(_web_host(value))


def _domains(text: str) -> set[str]:
    """The domains of the addresses in ``text``; what is called an address and shows none stands for itself."""
    domains = _DOMAIN.findall(text)
    found = {domain.rstrip(".").lower() for domain in domains}
    is_read = domains and len(domains) == text.count("@")
    return found if is_read else found | {text.strip().lower()}


def _web_host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or address).lower()
    except ValueError:  # brackets that do not meet
        return address.lower()
