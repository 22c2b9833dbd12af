"""A Python action or transform: its header comments and its syntax tree. Nothing of the file is ever run."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from dataclasses import replace
from pathlib import PurePath

from .findings import Findings
from .nodes import Map, Mark, Node, Seq, Text, shown
from .yaml_text import read_yaml

# Short names of the header, and the keys of the manifest they are.
HEADER = {
    "api": "api", "action": "id", "transform": "id", "id": "id", "version": "version", "name": "name",
    "summary": "summary", "publisher": "publisher", "licence": "licence", "perms": "permissions",
    "timeout_ms": "timeout_ms", "memory_mb": "memory_mb", "egress": "egress", "inputs": "inputs",
    "outputs": "outputs", "idempotent": "idempotent", "destructive": "destructive", "bulk": "bulk", "undo": "undo",
    "audience": "audience", "policy": "policy", "retry": "retry", "rate_limits": "rate_limits",
}  # fmt: skip
DEFAULT_FILE = "action.py"
_LINE = re.compile(r"#\s*([a-z_]+)\s*:(?:\s+|$)(.*)")
# The notation of Python's own types in the comments that describe run's inputs and outputs.
_PYTHON_TYPES = {"str": "string", "float": "number", "dict": "object"}
_MAX_NESTING = 60


def read_python(text: str, findings: Findings, filename: str | None) -> Node | None:
    """The manifest that the file's comments declare, as a tree; None when the file cannot be read."""
    tree = parse_code(text, findings)
    comments = _comments(text, findings) if tree is not None else None
    if comments is None or tree is None:
        return None
    run = find_run(tree, findings)
    first_code = min((statement.lineno for statement in tree.body), default=1)
    header = [comment for comment in comments if comment[0] < first_code and comment[2]]
    entries = _read_header(header, findings)
    if run is not None:
        entries += _read_body_comments(comments, run, {key.value for key, _ in entries}, findings)
    return Map(tuple(_complete(entries, filename)), 1, 1)


Comment = tuple[int, int, bool, str]  # line, column from 1, whether it is alone on its line from column 1, its text


def _comments(text: str, findings: Findings) -> list[Comment] | None:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError) as error:
        line, column = _error_place(error)
        findings.add("python-syntax", Mark(line, column), message=f"The file does not parse: {_error_text(error)}.")
        return None
    return [
        (token.start[0], token.start[1] + 1, token.start[1] == 0, token.string)
        for token in tokens
        if token.type == tokenize.COMMENT
    ]


def parse_code(text: str, findings: Findings) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in somebody's text is not ours to warn of
            return ast.parse(text)
    except SyntaxError as error:
        findings.add(
            "python-syntax",
            Mark(error.lineno or 1, error.offset or 1),
            message=f"The file does not parse: {_error_text(error)}.",
        )
    except (RecursionError, MemoryError, ValueError):
        findings.add("python-syntax", Mark(1, 1), message="The file nests too deeply to parse.")
    return None


def find_run(tree: ast.Module, findings: Findings) -> ast.FunctionDef | None:
    runs = [
        item for item in tree.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) and item.name == "run"
    ]
    if not runs:
        findings.add("python-run", Mark(1, 1), message="The file does not define run(inputs, ctx) at its top level.")
        return None
    run = runs[-1]
    where = Mark(run.lineno, run.col_offset + 1)
    if len(runs) > 1:
        findings.add("python-run", where, message="run is defined more than once.", fix="Keep one.")
    if isinstance(run, ast.AsyncFunctionDef):
        findings.add(
            "python-run",
            where,
            message="run is async; the sandbox calls it plainly.",
            fix="Write def run(inputs, ctx):.",
        )
        return None
    takes = [*run.args.posonlyargs, *run.args.args]
    needed = len(takes) - len(run.args.defaults)
    if len(takes) < 2 or needed > 2 or any(default is None for default in run.args.kw_defaults):
        findings.add(
            "python-run",
            where,
            message="run is called with inputs and ctx, and takes something else.",
            fix="Write def run(inputs, ctx):.",
        )
    return run


def _read_header(comments: list[Comment], findings: Findings) -> list[tuple[Text, Node]]:
    entries: list[tuple[Text, Node]] = []
    seen: set[str] = set()
    for line, column, _, comment in comments:
        match = _LINE.fullmatch(comment)
        if not match:
            continue
        name, value = match.groups()
        key = Text(name, line, column + match.start(1))
        if name not in HEADER:
            # A header may hold prose such as "note: ..."; only what is nearly a key is taken for a slip.
            if close := findings.nearest(name, HEADER):
                findings.add(
                    "unknown-key", key, name, f"{shown(name)} is no key of the header.", f"Did you mean {close}?"
                )
            continue
        if HEADER[name] in seen:
            findings.add("duplicate-key", key, name, f"{shown(name)} stands twice in the header.")
            continue
        seen.add(HEADER[name])
        node = _value(value, line, column + match.start(2) - 1, findings)
        if node is None:
            continue
        if name == "perms":
            node = Map(((Text("required", node.line, node.column), node),), node.line, node.column)
        if name in ("action", "transform"):
            entries.append((Text("kind", line, column), Text(name, line, column)))
        entries.append((replace(key, value=HEADER[name]), node))
    return entries


def _read_body_comments(
    comments: list[Comment], run: ast.FunctionDef, known: set[str], findings: Findings
) -> list[tuple[Text, Node]]:
    """``# inputs: {...}`` and ``# outputs: {...}`` between ``def run`` and its first statement."""
    entries: list[tuple[Text, Node]] = []
    for line, column, _, comment in comments:
        match = _LINE.fullmatch(comment)
        if (
            not match
            or not run.lineno < line < run.body[0].lineno
            or match[1] not in ("inputs", "outputs")
            or match[1] in known
        ):
            continue
        node = _value(match[2], line, column + match.start(2) - 1, findings)
        if node is not None:
            known.add(match[1])
            entries.append((Text(match[1], line, column), _shorthand_types(node)))
    return entries


def _complete(entries: list[tuple[Text, Node]], filename: str | None) -> list[tuple[Text, Node]]:
    """The kind, the name after the file, and the file itself."""
    names = {key.value for key, _ in entries}
    file = PurePath(filename).name if filename and filename.endswith(".py") else DEFAULT_FILE
    if "kind" not in names:
        entries = [(Text("kind"), Text("action")), *entries]
    if "id" not in names and file != DEFAULT_FILE:
        entries.append((Text("id"), Text(file.removesuffix(".py"))))
    return [*entries, (Text("code_file"), Text(file))]


def _value(source: str, line: int, column: int, findings: Findings) -> Node | None:
    """A header value, read as one line of YAML or shorthand. ``column`` is how many characters stand before it."""
    local = Findings()
    node = read_yaml(f"{source}\n", local)
    for item in local.sorted():
        findings.add(item.code, Mark(line, item.column + column), message=item.message, fix=item.fix)
    return None if node is None else _moved(node, line, column)


def _moved(node: Node, line: int, column: int) -> Node:
    at = node.column + column
    match node:
        case Map():
            entries = ((replace(key, line=line, column=key.column + column), value) for key, value in node.entries)
            return Map(tuple((key, _moved(value, line, column)) for key, value in entries), line, at)
        case Seq():
            return Seq(tuple(_moved(item, line, column) for item in node.items), line, at)
    return replace(node, line=line, column=at)


def _shorthand_types(node: Node) -> Node:
    match node:
        case Map():
            return replace(node, entries=tuple((key, _shorthand_types(value)) for key, value in node.entries))
        case Seq():
            return replace(node, items=tuple(_shorthand_types(item) for item in node.items))
        case Text():
            return replace(node, value=re.sub(r"^[a-z]+", lambda word: _PYTHON_TYPES.get(word[0], word[0]), node.value))
    return node


def _error_place(error: Exception) -> tuple[int, int]:
    if isinstance(error, SyntaxError):
        return error.lineno or 1, error.offset or 1
    place = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], tuple) else (1, 0)
    return place[0], place[1] + 1


def _error_text(error: Exception) -> str:
    return str(error.args[0]).rstrip(".")[:200] if error.args else type(error).__name__
