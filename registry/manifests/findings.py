"""What can be wrong with a manifest: one table of codes, used by every door and kept in step with the docs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from .suggest import nearest

ABSENT: Any = object()  # what a reader returns in place of a value it refused
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a manifest.

    ``line`` and ``column`` count from 1 and are 0 where there is no text (a form's data); ``path`` names the place by
    keys (``actions[0].inputs.to``); ``message`` says what is wrong, ``why`` what comes of it, ``fix`` how to put it
    right. ``file`` is the file beside the text that the line is in, empty for the text itself. A manifest with an
    ``error`` does not load; warnings and notes are for its author and its reviewer.
    """

    code: str
    line: int
    column: int
    message: str
    fix: str
    severity: Severity = "error"
    path: str = ""
    why: str = ""
    file: str = ""

    def as_dict(self) -> dict[str, str | int]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Code:
    severity: Severity
    about: str
    fix: str


# Codes are a promise: forms, the API and reviewers refer to them, so one is never renamed or given another meaning.
CODES: dict[str, Code] = {
    # The text as such
    "too-large": Code(
        "error",
        "The text is larger than a manifest may be.",
        "Keep a manifest under 256 KB; put long documents beside it.",
    ),
    "encoding": Code(
        "error",
        "The bytes are not plain UTF-8 text.",
        "Save the file as UTF-8 without a byte order mark or control characters.",
    ),
    "empty": Code(
        "error", "There is nothing in the document.", "Begin with the kind and its name, such as `connector: hubspot`."
    ),
    "tab": Code("error", "A tab stands where YAML counts columns.", "Indent with spaces."),
    "syntax": Code(
        "error", "The text is not well-formed.", "Correct the place shown; the reference shows the notation."
    ),
    "shorthand": Code(
        "error",
        "A flow value is neither YAML nor the shorthand, or could be read in two ways.",
        "Add the braces or quotes that settle the meaning.",
    ),
    "python-syntax": Code(
        "error", "The Python file does not parse.", "Correct the line; the file is only parsed here, never run."
    ),
    "python-run": Code(
        "error",
        "The file does not define `run(inputs, ctx)` once at its top level.",
        "Define `def run(inputs, ctx):` at the top level.",
    ),
    "python-import": Code(
        "error",
        "The file imports a module that a run does not have.",
        "Import from the list in docs/sandbox.md, or do without.",
    ),
    "python-host": Code(
        "warning",
        "The file names a host that its egress line does not.",
        "Add the host to the header's egress, or remove the address.",
    ),
    "duplicate-key": Code(
        "error", "A key stands twice in one map, so one of the two would be lost.", "Keep one of the two."
    ),
    "alias": Code(
        "error",
        "YAML anchors, aliases and merge keys are not accepted; a few bytes of them can grow without bound.",
        "Write the value out where it is used.",
    ),
    "tag": Code(
        "error", "YAML tags and directives are not accepted.", "Remove the tag; types follow from where a value stands."
    ),
    "multiple-documents": Code("error", "There is more than one document in the text.", "Keep one manifest per file."),
    "too-deep": Code("error", "The document is nested more than 32 levels deep.", "Flatten it."),
    "too-many-values": Code("error", "The document holds more than 20,000 values.", "Move data out of the manifest."),
    "bad-key": Code("error", "A key is not a plain text of a permitted form.", "Use letters, digits and underscores."),
    "ambiguous-value": Code(
        "error",
        "YAML versions disagree whether this is a number or a text.",
        "Quote it for a text, or write it as a plain decimal number.",
    ),
    "number-range": Code(
        "error",
        "A number cannot be kept exactly by every reader (RFC 8785, RFC 7493).",
        "Stay within plus or minus 9007199254740991, or write it as a text.",
    ),
    # Keys and plain values
    "unknown-key": Code("error", "The key means nothing here.", "Remove it or correct its spelling."),
    "old-format": Code(
        "error",
        "It is written in an older format.",
        "Bring it to the newest: the workshop shows both texts, and so does `manage.py manifest migrate FILE`.",
    ),
    "missing-key": Code("error", "A key that must be there is not.", "Add it."),
    "wrong-shape": Code("error", "Another shape of value is expected here.", "Write the value in the shape named."),
    "number-for-text": Code(
        "error",
        "A number stands where a text is expected, and numbers lose digits (1.20 becomes 1.2).",
        "Put it in quotes.",
    ),
    "bad-value": Code("error", "The value is not one this place takes.", "Use one of the values named."),
    "over-cap": Code(
        "error",
        "The value is beyond what any manifest may ask for.",
        "Lower it to the cap; a manifest may only go below.",
    ),
    "bad-name": Code(
        "error",
        "The name is not of the permitted form.",
        "Use lower-case letters, digits, `-` and `_`, with dots between parts.",
    ),
    "bad-version": Code("error", "The version is not a Semantic Version.", "Write three numbers, such as 1.2.0."),
    "bad-range": Code(
        "error", "The version range cannot be read.", "Write a range such as ^1.2, ~1.2.3 or >=1.0 <2.0."
    ),
    "bad-scope": Code(
        "error",
        "The scope is not `resource.verb`.",
        "Write resource and one verb of read, write, delete, such as tasks.write.",
    ),
    "bad-url": Code(
        "error",
        "The address is not one Galaxy may use.",
        "Write an https address without user, port, query or fragment.",
    ),
    "bad-path": Code(
        "error",
        "The path is not a plain absolute path.",
        "Begin with `/`; put inputs in single braces; put the query under `query`.",
    ),
    "bad-header": Code(
        "error",
        "The header may not be set by a manifest.",
        "Leave it out; authentication and transport set their own headers.",
    ),
    "bad-reference": Code("error", "Something is named that does not exist.", "Name something that does."),
    "bad-expression": Code(
        "error",
        "The JMESPath expression cannot be read.",
        "Correct it at the column shown; a plain text is written \"'text'\".",
    ),
    "bad-tag": Code("error", "The approval tag is not known.", "Use one of the tags named."),
    "duplicate-id": Code("error", "Two entries of one list bear the same id.", "Give each its own id."),
    "effect-mismatch": Code(
        "error", "The action is declared milder than its method.", "Declare the scope that matches what the call does."
    ),
    "bulk-field": Code(
        "error",
        "The bulk rule has no single list among the inputs to count.",
        "Name the list: `bulk: { field: to, over: 10 }`.",
    ),
    "post-as-read": Code(
        "note", "A POST is declared as a read.", "Expected for searches; a reviewer checks that it changes nothing."
    ),
    # Types and schemas
    "unknown-type": Code(
        "error",
        "The type is not one of the shorthand types.",
        "Use string, int, number, bool, date, datetime, email, url, object, any or a data class.",
    ),
    "ambiguous-type": Code("error", "The type can be read in two ways.", "Write it as the message says."),
    "bad-schema": Code(
        "error",
        "The JSON Schema is not one Galaxy accepts.",
        "Correct it; only draft 2020-12 without references to elsewhere is accepted.",
    ),
    "bad-pattern": Code(
        "error",
        "The pattern is too long or needs a backtracking engine.",
        "Keep it under 200 characters, without look-around or back-references.",
    ),
    "unknown-class": Code("error", "The data class is not known.", "Use one of the data classes named."),
    "bad-proto": Code(
        "error",
        "The description of a gRPC call cannot be used.",
        "Correct the place named; give a descriptor set where it imports files other than those of google/protobuf.",
    ),
    # Hosts
    "egress-address": Code(
        "error", "A host is an IP address, in whatever notation; addresses evade the allowlist.", "Name the host."
    ),
    "egress-localhost": Code("error", "The host is local to the machine or its network.", "Name a public host."),
    "egress-public-suffix": Code("error", "Anybody can register a name under this suffix.", "Name the exact host."),
    "egress-wildcard": Code(
        "error",
        "Hosts are exact; a wildcard would admit hosts nobody reviewed.",
        "List each host, or use {connection.host} with a suffix.",
    ),
    "egress-not-https": Code("error", "Only https leaves Galaxy.", "Write https:// or the bare host name."),
    "egress-host": Code(
        "error", "The host name is not a plain DNS name.", "Write the exact host in ASCII, without user, port or path."
    ),
    "egress-missing-host": Code(
        "error", "A host is used that the egress list does not name.", "Add the host to `egress`."
    ),
    "more-findings": Code(
        "note", "There is more to say than one list holds.", "Correct what is listed; the next look lists the rest."
    ),
    # What publication needs
    "unpublishable": Code("error", "A draft lacks something that publication needs.", "Add it before you submit."),
}


class Findings:
    """Collects findings in the order they are met; the readers share one."""

    def __init__(self) -> None:
        self._items: list[Finding] = []
        self.has_errors = False
        self.left_out = 0

    def add(
        self, code: str, where: Any, path: str = "", message: str = "", fix: str = "", column_offset: int = 0
    ) -> Any:
        """``where`` is a node or anything with line and column; texts left out come from the table.

        Returns ABSENT, so that a reader can end with it.
        """
        entry = CODES[code]
        finding = Finding(
            code=code,
            line=where.line,
            column=where.column + (column_offset if where.line and not getattr(where, "is_folded", False) else 0),
            message=message or entry.about,
            fix=fix or entry.fix,
            severity=entry.severity,
            path=path,
            why=entry.about,
        )
        self.has_errors |= finding.severity == "error"
        if self.is_full:
            self.left_out += 1
        elif finding not in self._items:
            self._items.append(finding)
        return ABSENT

    @property
    def is_full(self) -> bool:
        """Whether what is added now is only counted."""
        return len(self._items) >= MAX_FINDINGS

    def nearest(self, word: str, known: Iterable[str]) -> str | None:
        """The known word that a finding may ask about; none is looked for where the finding would not be listed, so
        that a text of thousands of slips costs no more than one of a hundred."""
        return None if self.is_full else nearest(word, known)

    @property
    def count(self) -> int:
        return len(self._items)

    def sorted(self) -> list[Finding]:
        """As many as are listed, and how many there are beside."""
        found = sorted(self._items, key=lambda item: (item.line, item.column))
        return [*found, more_findings(self.left_out)] if self.left_out else found


def more_findings(count: int) -> Finding:
    entry = CODES["more-findings"]
    message = f"And {count:,} more that {'is' if count == 1 else 'are'} not listed."
    return Finding("more-findings", 0, 0, message, entry.fix, entry.severity, why=entry.about)


# More than this helps nobody and lets a hostile text make a long answer.
MAX_FINDINGS = 100
