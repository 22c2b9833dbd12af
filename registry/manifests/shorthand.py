"""The shorthand for flow values that YAML proper refuses, read from libyaml's own tokens.

Two things are added to YAML's ``{...}`` and ``[...]``, and nothing else:

* types: a bare word or a closing brace followed at once by ``[]`` is a list of it, and ``?`` at once after that makes
  it optional: ``{ to: string[], due_at: string?, lines: { sku: string }[] }``;
* one nested key without braces: ``{ approval: required_for: [bulk_send], pii_classes: [email] }``. The inner key takes
  exactly one value, and the next comma belongs to the outer map, so ``pii_classes`` stands beside ``approval``.

Whatever could be meant in two ways is refused with its place.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from .nodes import MAX_DEPTH, MAX_NODES, Map, Mark, Node, Seq, Text, shown
from .sources import describe_forbidden, find_forbidden
from .trees import Unreadable, make_map

_OPENERS = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
MAX_TOKENS = 6 * MAX_NODES


def read_flows(text: str) -> tuple[dict[tuple[int, int], Node], str]:
    """Every outermost flow value by its (line, column), and the text with ``""`` and blanks in their places.

    Raises Unreadable, or yaml.MarkedYAMLError where not even the tokens are right.
    """
    flows: dict[tuple[int, int], Node] = {}
    pieces: list[str] = []
    done = 0
    reader = _FlowReader(text)
    while (token := reader.peek()) is not None:
        if not isinstance(token, _OPENERS):
            reader.next()
            continue
        start = token.start_mark
        flows[start.line + 1, start.column + 1] = reader.value(depth=1)
        blank = re.sub(r"[^\n]", " ", text[start.index : reader.end])
        # Both signs of `""` fit in the first line unless the opening brace stands alone there.
        pieces += [text[done : start.index], '""', blank[2:] if blank[1:2] == " " else blank[1:]]
        done = reader.end
    return flows, "".join(pieces) + text[done:]


class _FlowReader:
    def __init__(self, text: str) -> None:
        self.tokens = iter(yaml.scan(text, Loader=yaml.CLoader))
        self.ahead: Any = next(self.tokens, None)
        self.count = 0
        self.end = 0  # index behind the last token; a token that touches it begins there

    def peek(self) -> Any:
        return self.ahead

    def next(self) -> Any:
        token = self.ahead
        if token is None:
            raise Unreadable("shorthand", Mark(1, 1), "The text ends within a flow value.")
        self.count += 1
        if self.count > MAX_TOKENS:
            raise Unreadable("too-many-values", _mark(token))
        self.end = token.end_mark.index
        self.ahead = next(self.tokens, None)
        return token

    def touches(self, kind: type) -> bool:
        return isinstance(self.peek(), kind) and bool(self.ahead.start_mark.index == self.end)

    def value(self, depth: int) -> Node:
        token = self.next()
        where = _mark(token)
        if depth > MAX_DEPTH:
            raise Unreadable("too-deep", where)
        if isinstance(token, yaml.ScalarToken):
            if bad := find_forbidden(token.value):
                raise Unreadable("encoding", where, describe_forbidden(bad))
            is_folded = token.end_mark.line > token.start_mark.line
            style = "plain" if token.plain else "quoted"
            return self.typed(Text(token.value, where.line, where.column, style, is_folded))
        if isinstance(token, yaml.FlowMappingStartToken):
            return self.typed(self.map(where, depth))
        if isinstance(token, yaml.FlowSequenceStartToken):
            return self.sequence(where, depth)
        if isinstance(token, (yaml.AnchorToken, yaml.AliasToken)):
            raise Unreadable("alias", where)
        if isinstance(token, yaml.TagToken):
            raise Unreadable("tag", where)
        raise Unreadable(
            "shorthand", where, "A value is expected here.", "Write a word, a quoted text, {...} or [...]."
        )

    def typed(self, node: Text | Map) -> Node:
        """The node with the ``[]`` and ``?`` that touch its end."""
        suffix = ""
        while self.touches(yaml.FlowSequenceStartToken):
            opening = self.next()
            if not self.touches(yaml.FlowSequenceEndToken):
                fix = "For a list of a type write `type[]`; for a list of values put a comma before it."
                raise Unreadable("shorthand", _mark(opening), "A bracket touches the value before it.", fix)
            self.next()
            suffix += "[]"
        if self.touches(yaml.KeyToken) and self.ahead.end_mark.index > self.ahead.start_mark.index:
            self.next()
            suffix += "?"
        if not suffix:
            return node
        if isinstance(node, Map):
            if suffix != "[]":
                fix = "Put the question mark behind the key: `address?: { street: string }`."
                raise Unreadable("shorthand", node_mark(node), "After a brace only `[]` may follow.", fix)
            return Seq((node,), node.line, node.column)
        if node.style != "plain":
            raise Unreadable(
                "shorthand", node_mark(node), "A type is a bare word, without quotes.", "Remove the quotes."
            )
        return Text(node.value + suffix, node.line, node.column, "plain")

    def map(self, where: Mark, depth: int) -> Map:
        pairs: list[tuple[Node, Node]] = []
        while True:
            if isinstance(self.ahead, yaml.FlowMappingEndToken):
                self.next()
                return self.finish(pairs, where)
            pairs.append(self.pair(depth))
            self.separator(yaml.FlowMappingEndToken, "}")

    def sequence(self, where: Mark, depth: int) -> Seq:
        items: list[Node] = []
        while True:
            if isinstance(self.ahead, yaml.FlowSequenceEndToken):
                self.next()
                return Seq(tuple(items), where.line, where.column)
            if isinstance(self.ahead, yaml.KeyToken):
                here = _mark(self.ahead)
                items.append(self.finish([self.pair(depth)], here))
            else:
                items.append(self.value(depth + 1))
            self.separator(yaml.FlowSequenceEndToken, "]")

    def pair(self, depth: int) -> tuple[Node, Node]:
        if isinstance(self.ahead, yaml.KeyToken):
            token = self.next()
            if token.end_mark.index > token.start_mark.index:
                raise Unreadable("shorthand", _mark(token), "A question mark stands before a key.", "Remove it.")
        key = self.plain_key()
        if not isinstance(self.ahead, yaml.ValueToken):
            raise Unreadable(
                "shorthand", node_mark(key), f"The key {shown(key.value)} has no value.", "Write `key: value`."
            )
        self.next()
        if isinstance(self.ahead, (yaml.FlowEntryToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)):
            return key, Text("", key.line, key.column, "plain")
        value = self.value(depth + 1)
        if not isinstance(self.ahead, yaml.ValueToken):
            return key, value
        # `outer: inner: value`: one nested key without braces, which the next comma ends.
        colon = self.next()
        if not isinstance(value, Text) or value.style != "plain" or value.value.endswith(("?", "]")):
            raise Unreadable("shorthand", _mark(colon), "A second colon follows something that is no key.")
        inner = self.value(depth + 2)
        if isinstance(self.ahead, yaml.ValueToken):
            fix = f"Put braces round what belongs to {shown(value.value)}."
            raise Unreadable(
                "shorthand", _mark(self.ahead), "Three keys in a row could nest in more than one way.", fix
            )
        return key, self.finish([(value, inner)], node_mark(value))

    def plain_key(self) -> Text:
        token = self.next()
        if not isinstance(token, yaml.ScalarToken):
            raise Unreadable("shorthand", _mark(token), "A key is expected here.", "Write `key: value`.")
        where = _mark(token)
        return Text(token.value, where.line, where.column, "plain" if token.plain else "quoted")

    def separator(self, end: type, sign: str) -> None:
        if isinstance(self.ahead, yaml.FlowEntryToken):
            self.next()
        elif not isinstance(self.ahead, end):
            where = _mark(self.ahead) if self.ahead else Mark(1, 1)
            raise Unreadable(
                "shorthand", where, f"A comma or `{sign}` is expected here.", "Add it, or quote the text before."
            )

    def finish(self, pairs: list[tuple[Node, Node]], where: Mark) -> Map:
        def refuse(code: str, place: Mark, message: str) -> None:
            raise Unreadable(code, place, message)

        return make_map(pairs, where, refuse)


def _mark(token: Any) -> Mark:
    return Mark(token.start_mark.line + 1, token.start_mark.column + 1)


def node_mark(node: Node) -> Mark:
    return Mark(node.line, node.column)
