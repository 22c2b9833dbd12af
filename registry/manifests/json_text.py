"""JSON text to nodes (RFC 8259), strictly: no duplicate keys, no NaN, no comments, and a place for everything."""

from __future__ import annotations

import re
from bisect import bisect_right
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]  # typeshed leaves it out

from .findings import Findings
from .nodes import MAX_DEPTH, MAX_NODES, Literal, Map, Mark, Node, Seq, Text, parse_number, shown
from .sources import describe_forbidden, find_forbidden
from .trees import Unreadable, make_map

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
_WORD = re.compile(r"[A-Za-z_+\-][A-Za-z_0-9]*")
_WORDS = {"true": True, "false": False, "null": None}


def read_json(text: str, findings: Findings) -> Node | None:
    """The document's root, or None when it cannot be read; what is wrong is added to ``findings``."""
    reader = _Reader(text, findings)
    try:
        root, end = reader.value(reader.skip(0), 1)
        end = reader.skip(end)
        if end != len(text):
            raise reader.stop(end, "More text follows the end of the document.", "Keep one JSON value in the file.")
    except Unreadable as problem:
        findings.add(problem.code, problem, message=problem.message, fix=problem.fix)
        return None
    return root


class _Reader:
    """Each method takes an offset and returns what it read with the offset behind it."""

    def __init__(self, text: str, findings: Findings) -> None:
        self.text = text
        self.findings = findings
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.count = 0

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        self.count += 1
        where = self.mark(at)
        if self.count > MAX_NODES:
            raise Unreadable("too-many-values", where)
        match self.text[at : at + 1]:
            case "{":
                self.check_depth(depth, where)
                return self.map(at, depth)
            case "[":
                self.check_depth(depth, where)
                return self.sequence(at, depth)
            case '"':
                return self.string(at)
            case "":
                raise self.stop(at, "The text ends where a value is expected.")
        if number := _NUMBER.match(self.text, at):
            self.refuse_glued(number)
            value = parse_number(number.group(), where, self.findings)
            return Literal(value, number.group(), where.line, where.column), number.end()
        word = _WORD.match(self.text, at)
        if word and word.group() in _WORDS:
            return Literal(_WORDS[word.group()], word.group(), where.line, where.column), word.end()
        found = word.group() if word else self.text[at]
        raise self.stop(
            at,
            f"{shown(found)} is not a JSON value.",
            "Texts stand in double quotes; NaN, comments and bare words are not JSON.",
        )

    def map(self, at: int, depth: int) -> tuple[Map, int]:
        where = self.mark(at)
        pairs: list[tuple[Text, Node]] = []
        at = self.skip(at + 1)
        while self.text[at : at + 1] != "}" or pairs:
            if self.text[at : at + 1] != '"':
                raise self.stop(at, "A key in double quotes is expected here.")
            key, at = self.string(at)
            at = self.skip(at)
            if self.text[at : at + 1] != ":":
                raise self.stop(at, f"A colon is expected after the key {shown(key.value)}.")
            value, at = self.value(self.skip(at + 1), depth + 1)
            pairs.append((key, value))
            at = self.skip(at)
            if self.text[at : at + 1] == "}":
                break
            at = self.comma(at, "}")
        return make_map(pairs, where, self.problem), at + 1

    def sequence(self, at: int, depth: int) -> tuple[Seq, int]:
        where = self.mark(at)
        items: list[Node] = []
        at = self.skip(at + 1)
        while self.text[at : at + 1] != "]" or items:
            item, at = self.value(at, depth + 1)
            items.append(item)
            at = self.skip(at)
            if self.text[at : at + 1] == "]":
                break
            at = self.comma(at, "]")
        return Seq(tuple(items), where.line, where.column), at + 1

    def string(self, at: int) -> tuple[Text, int]:
        where = self.mark(at)
        try:
            value, end = scanstring(self.text, at + 1, True)
        except JSONDecodeError as error:
            raise self.stop(error.pos, f"The text in quotes is broken: {error.msg}.") from None
        if bad := find_forbidden(value):
            self.problem("encoding", where, describe_forbidden(bad))
        return Text(value, where.line, where.column), end

    def comma(self, at: int, end: str) -> int:
        if self.text[at : at + 1] != ",":
            raise self.stop(at, f"A comma or `{end}` is expected here.")
        return self.skip(at + 1)

    def refuse_glued(self, number: re.Match[str]) -> None:
        if self.text[number.end() : number.end() + 1].isalnum():
            raise self.stop(
                number.start(), "This is not a JSON number.", "Write a decimal number without leading zeros."
            )

    def check_depth(self, depth: int, where: Mark) -> None:
        if depth > MAX_DEPTH:
            raise Unreadable("too-deep", where)

    def problem(self, code: str, where: Mark, message: str) -> None:
        self.findings.add(code, where, message=message)

    def stop(self, at: int, message: str, fix: str = "") -> Unreadable:
        return Unreadable("syntax", self.mark(at), f"This is not well-formed JSON: {message}", fix)

    def skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def mark(self, at: int) -> Mark:
        line = bisect_right(self.line_starts, at)
        return Mark(line, at - self.line_starts[line - 1] + 1)
