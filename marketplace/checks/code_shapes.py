"""Shapes of Python that a reviewer wants to see first. By the syntax tree alone; the sandbox is what holds."""

import ast
import re
from collections.abc import Iterator

from marketplace.checks.notes import Subject, note
from registry.manifests import Finding
from registry.manifests.code_files import code_names
from registry.manifests.findings import Findings
from registry.manifests.python_file import parse_code

MOST = 30  # told of one file
LONGEST_BLOB = 400  # characters of one literal that is nothing but base64 or hexadecimal
_RUNS_TEXT = {"eval", "exec", "compile"}
_BY_NAME = {"getattr", "setattr", "delattr"}
_INNER = re.compile(
    r"__(?:globals|builtins|subclasses|bases|base|mro|class|code|closure|loader|spec|import|dict|getattribute|reduce"
    r"|reduce_ex|traceback)__|f_(?:back|globals|locals|builtins)|gi_frame|cr_frame|tb_frame"
)
_BLOB = re.compile(r"(?:[A-Za-z0-9+/]{200,}={0,2}|(?:\\x[0-9a-f]{2}){100,}|[0-9a-fA-F]{400,})")
_LOGS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def findings(subject: Subject) -> Iterator[Finding]:
    for name in code_names(subject.manifest):
        content = subject.files.get(name)
        tree = parse_code(content.decode("utf-8", "replace"), Findings()) if content is not None else None
        if tree is None:
            continue
        own = "" if subject.is_python and name == subject.manifest.canonical.get("code_file") else name
        found = sorted(_of(tree), key=lambda one: one[1:3])
        for code, line, column, message in found[:MOST]:
            yield note(code, message, line=line, column=column, path=name, file=own)


def _of(tree: ast.Module) -> Iterator[tuple[str, int, int, str]]:
    for node in ast.walk(tree):
        for code, message in _shapes(node):
            place = node if hasattr(node, "lineno") else tree.body[0]
            yield code, place.lineno, place.col_offset + 1, message  # type: ignore[attr-defined]  # it has a place


def _shapes(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Call():
            yield from _calls(node)
        case ast.Attribute(attr=name) if _INNER.fullmatch(name):
            yield "code-reflection", f"The code reaches for {name}."
        case ast.Name(id=name) if name in {"__builtins__", "__loader__", "__spec__"}:
            yield "code-reflection", f"The code reaches for {name}."
        case ast.Constant(value=str(text)) if len(text) >= LONGEST_BLOB and _BLOB.fullmatch("".join(text.split())):
            yield "code-blob", f"A text of {len(text)} characters is encoded."
        case ast.Constant(value=bytes(raw)) if len(raw) >= LONGEST_BLOB:
            yield "code-blob", f"{len(raw)} bytes stand in the code."
        case ast.While(test=test) if _is_always(test) and not _ends(node):
            yield "code-endless", "A loop goes on as long as the run does."


def _calls(node: ast.Call) -> Iterator[tuple[str, str]]:
    name = _called(node.func)
    if name in _RUNS_TEXT or name in {f"builtins.{one}" for one in _RUNS_TEXT}:
        decoded = any("decode" in _called(inner.func) for inner in ast.walk(node) if isinstance(inner, ast.Call))
        yield "code-eval", f"{name} runs {'what it decodes' if decoded else 'text'} as code."
    elif name == "__import__" or name.endswith(("import_module", "importlib.__import__")):
        yield "code-import", f"{name} imports by a name that is made up while it runs."
    elif name in _BY_NAME and len(node.args) > 1 and not isinstance(node.args[1], ast.Constant):
        yield "code-reflection", f"{name} takes a name that is made up while it runs."
    elif name in _BY_NAME and len(node.args) > 1 and _is_inner(node.args[1]):
        yield "code-reflection", f"{name} reaches for an inner part of Python."
    elif (name == "print" or (name.rpartition(".")[2] in _LOGS and "log" in name)) and _holds_secret(node):
        yield "code-logs-secret", "What is logged holds ctx.secrets or the whole of the inputs."


def _called(node: ast.expr) -> str:
    """``a.b.c`` as a dotted name; "" where it is none."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ".".join(reversed(parts))


def _is_inner(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(_INNER.fullmatch(node.value))


def _holds_secret(node: ast.Call) -> bool:
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    whole = any(isinstance(one, ast.Name) and one.id == "inputs" for one in given)
    named = any(
        isinstance(inner, ast.Attribute) and inner.attr == "secrets" for one in given for inner in ast.walk(one)
    )
    return whole or named


def _is_always(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and bool(test.value)


def _ends(loop: ast.While) -> bool:
    """Whether something within leaves the loop: a return or raise anywhere in it, or a break of its own."""
    waiting: list[ast.AST] = [*loop.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return | ast.Raise | ast.Break):
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            inner = [one for one in ast.walk(node) if isinstance(one, ast.Return | ast.Raise)]
            waiting += [*inner, *node.orelse]
            continue
        waiting += ast.iter_child_nodes(node)
    return False
