"""YAML text to nodes, by libyaml's events: no implicit types, no aliases, no tags, nothing lost silently.

Where YAML proper refuses a document, its flow values are read by the shorthand (shorthand.py) and put in the place of
an empty quoted scalar of the same extent; libyaml then reads the rest, with every line and column as in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from .findings import Findings
from .nodes import MAX_DEPTH, MAX_NODES, Mark, Node, Seq, Text, shown
from .shorthand import read_flows
from .sources import describe_forbidden, find_forbidden
from .trees import Unreadable, make_map

Place = tuple[int, int]
_TAB = re.compile(r"^ *\t.*\S", re.MULTILINE)


def read_yaml(text: str, findings: Findings) -> Node | None:
    """The document's root, or None when it cannot be read; what is wrong is added to ``findings``."""
    try:
        composer = _Composer(text, {})
        root = composer.compose()
    except yaml.MarkedYAMLError as error:
        try:
            flows, rest = read_flows(text)
            composer = _Composer(rest, flows)
            root = composer.compose()
        except yaml.MarkedYAMLError as again:
            if not _report_tabs(text, findings, ()):
                _report_syntax(again if _got_further(again, error) else error, text, findings)
            return None
        except Unreadable as problem:
            if not _report_tabs(text, findings, ()):
                findings.add(problem.code, problem, message=problem.message, fix=problem.fix)
            return None
    except Unreadable as problem:
        findings.add(problem.code, problem, message=problem.message, fix=problem.fix)
        return None
    for code, where, message in composer.problems:
        findings.add(code, where, message=message)
    _report_tabs(text, findings, composer.block_scalars)
    if root is None:
        findings.add("empty", Mark(1, 1))
    return root


def _got_further(again: yaml.MarkedYAMLError, first: yaml.MarkedYAMLError) -> bool:
    """Whether the second reading got further, so that its complaint is the one worth telling."""
    return bool(again.problem_mark and first.problem_mark and again.problem_mark.index > first.problem_mark.index)


class _Composer:
    """Builds the tree with a stack of its own, so that nesting costs no recursion."""

    def __init__(self, text: str, flows: Mapping[Place, Node]) -> None:
        self.text = text
        self.flows = flows
        self.problems: list[tuple[str, Mark, str]] = []
        self.block_scalars: list[tuple[int, int]] = []

    def compose(self) -> Node | None:
        root: Node | None = None
        documents = nodes = 0
        stack: list[_Open] = []
        event: Any  # types-PyYAML knows neither the marks of events nor what scalars carry
        for event in yaml.parse(self.text, Loader=yaml.CLoader):
            where = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Unreadable("multiple-documents", where)
                if event.version or event.tags:
                    self.problem("tag", where)
                continue
            if isinstance(event, yaml.CollectionEndEvent):
                done = stack.pop()
                node: Node = done.close(self)
            elif isinstance(event, yaml.NodeEvent):
                nodes += 1
                if nodes > MAX_NODES:
                    raise Unreadable("too-many-values", where)
                self.refuse_decoration(event, where)
                if isinstance(event, yaml.CollectionStartEvent):
                    if len(stack) >= MAX_DEPTH:
                        raise Unreadable("too-deep", where)
                    stack.append(_Open(isinstance(event, yaml.MappingStartEvent), where))
                    continue
                node = self.scalar(event, where)
            else:
                continue
            if stack:
                stack[-1].nodes.append(node)
            else:
                root = node
        return root

    def scalar(self, event: Any, where: Mark) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return Text("", where.line, where.column)
        if flow := self.flows.get((where.line, where.column)):
            return flow
        if event.style in ("|", ">"):
            self.block_scalars.append((event.start_mark.line + 1, event.end_mark.line + 1))
        if bad := find_forbidden(event.value):
            self.problem("encoding", where, describe_forbidden(bad))
        is_folded = event.end_mark.line > event.start_mark.line
        return Text(event.value, where.line, where.column, "quoted" if event.style else "plain", is_folded)

    def refuse_decoration(self, event: Any, where: Mark) -> None:
        if event.anchor:
            self.problem("alias", where)
        if getattr(event, "tag", None):
            self.problem("tag", where, f"The tag {shown(event.tag)} is not accepted.")

    def problem(self, code: str, where: Mark, message: str = "") -> None:
        self.problems.append((code, where, message))


class _Open:
    """A map or list whose end has not been met yet."""

    def __init__(self, is_map: bool, where: Mark) -> None:
        self.is_map = is_map
        self.where = where
        self.nodes: list[Node] = []

    def close(self, composer: _Composer) -> Node:
        if not self.is_map:
            return Seq(tuple(self.nodes), self.where.line, self.where.column)
        pairs = zip(self.nodes[::2], self.nodes[1::2], strict=True)
        return make_map(pairs, self.where, composer.problem)


def _report_tabs(text: str, findings: Findings, block_scalars: Iterable[tuple[int, int]]) -> bool:
    """Tabs that indent, outside the lines of block scalars, where they are content."""
    found = False
    for match in _TAB.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if any(first < line <= last for first, last in block_scalars):
            continue
        findings.add("tab", Mark(line, match.group().index("\t") + 1))
        found = True
        if findings.count > 20:
            break
    return found


def _report_syntax(error: yaml.MarkedYAMLError, text: str, findings: Findings) -> None:
    mark = error.problem_mark or error.context_mark
    where = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
    problem = error.problem or "it cannot be read"
    if "nesting depth" in problem:
        findings.add("too-deep", where)
    elif mark and text[mark.index : mark.index + 1] == "\t":
        findings.add("tab", where)
    else:
        context = f", {error.context}" if error.context else ""
        findings.add("syntax", where, message=f"This is not well-formed YAML: {problem}{context}.")
