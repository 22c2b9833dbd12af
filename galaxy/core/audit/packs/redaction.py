"""Leaving fields out of a pack: what stays still opens its commitment, what went remains as a commitment.

What may be left out: ``names`` (who acted, and what the object is called), ``emails`` (every value in which an e-mail
address stands), ``changes`` (what was before and after), ``details`` (what else an event tells), or single fields by
their name. Ids, times and the kinds of events stay: the tree commits to them in the open.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from galaxy.core.audit import field_salt
from galaxy.core.audit.packs import verify
from galaxy.core.audit.packs.rows import lines_part
from galaxy.core.audit.packs.selection import Places
from galaxy.core.errors import Invalid
from galaxy.core.models import Workspace

CLASSES = {
    "names": "Names of people, agents and objects",
    "emails": "Values in which an e-mail address stands",
    "changes": "What was before and after",
    "details": "What else events tell",
}
_EMAIL = re.compile(r"[^\s@\"<>]+@[^\s@\"<>]+\.[A-Za-z]{2,}")
_FIELD = re.compile(r"(?:before|after|data)\.[\w .-]{1,100}|request_id|actor\.chain|target\.label")
_PARTS: dict[str, Callable[[str, Any], bool]] = {
    "names": lambda name, value: name in ("actor.chain", "target.label"),
    "emails": lambda name, value: bool(_EMAIL.search(json.dumps(value, ensure_ascii=False))),
    "changes": lambda name, value: name.startswith(("before.", "after.")),
    "details": lambda name, value: name.startswith("data."),
}


def checked(names: Collection[str]) -> list[str]:
    """The names in one order, each once. Raises Invalid for one that names neither a class nor a field."""
    for name in names:
        if name not in CLASSES and not _FIELD.fullmatch(name):
            raise Invalid(
                f"There is nothing called {name} to leave out.",
                {"fields": f"{name} is no field. Fields are called before.…, after.… or data.…"},
                f"Name a field, or one of {', '.join(CLASSES)}.",
            )
    return sorted(set(names))


def redacted_part(workspace: Workspace, places: Places, redacted: Collection[str]) -> Iterator[tuple[bytes, bytes]]:
    """(line, row of the CSV) of each event, with ``redacted`` left out."""
    for raw in b"".join(lines_part(workspace, places)).splitlines(keepends=True):
        line = _without(raw, redacted)
        yield line, verify.csv_row(verify.csv_cells(verify.Line(line, 0)))


def _without(raw: bytes, redacted: Collection[str]) -> bytes:
    """One line with fields left out. Of a tombstone nothing is: it holds no data of anybody, and explains the rest."""
    members = json.loads(raw)
    fields, salt = members.pop("fields"), members.pop("salt")
    if fields is not None and members["action"] != verify.TOMBSTONE:
        kept = {name: value for name, value in fields.items() if not _is_left_out(name, value, redacted)}
        salts = {name: field_salt(bytes.fromhex(salt), name).hex() for name in kept}
        members |= {"salts": salts, "fields": kept}
    else:
        members |= {"salt": salt, "fields": fields}
    return (json.dumps(members, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _is_left_out(name: str, value: Any, redacted: Collection[str]) -> bool:
    return name in redacted or any(one in redacted and leaves_out(name, value) for one, leaves_out in _PARTS.items())
