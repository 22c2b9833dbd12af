"""Where errors are raised and with which words, read from the sources without running them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.docs.tables import ROOT

FLOORS = ("galaxy", "registry", "policies", "sandbox", "marketplace")
_OUT = ("migrations", "guest", "embedded")


@dataclass(frozen=True)
class Raised:
    """One call that makes an error: ``arguments`` as they are written, with texts as templates."""

    module: str
    arguments: tuple[str, ...]
    keywords: dict[str, str]


@cache
def sources() -> tuple[tuple[str, ast.Module], ...]:
    """(module, tree) of everything that runs in a process of ours."""
    return tuple(_sources())


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if not set(parts) & set(_OUT):
                yield ".".join(parts), ast.parse(path.read_text(encoding="utf-8"))


@cache
def _calls() -> dict[str, list[tuple[str, ast.Call]]]:
    """{name: (module, each call of what is called so)}."""
    found: dict[str, list[tuple[str, ast.Call]]] = {}
    for module, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (name := _name(node.func)):
                found.setdefault(name, []).append((module, node))
    return found


def calls_of(name: str) -> list[Raised]:
    """Every call of what is called ``name``, in the order of the sources."""
    return [
        Raised(module, tuple(map(said, node.args)), {one.arg: said(one.value) for one in node.keywords if one.arg})
        for module, node in _calls().get(name, [])
    ]


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def said(node: ast.expr) -> str:
    """A text with `…` where something is put in; of anything else its source in braces."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr():
            return "".join(one.value if isinstance(one, ast.Constant) else "…" for one in node.values)
        case ast.BinOp(op=ast.Add()):
            return said(node.left) + said(node.right)
    return "{" + ast.unparse(node) + "}"
