"""What the code of an action says about itself: imports that a run would refuse, hosts that egress does not name.

By the syntax tree alone; nothing is ever run. These findings explain to a creator what a run would do. They are no
defence: code can build a name or an address in a hundred ways, and the sandbox and the egress broker refuse it then.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Any

from .findings import Findings
from .nodes import Mark
from .python_modules import MODULES

_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^/?#\s\"']+)(?P<whole>[/?#]|$)", re.IGNORECASE)
_FORGIVING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


def check_code(text: str, canonical: dict[str, Any], findings: Findings) -> None:
    """Add what ``text``, which is known to parse, and its header ``canonical`` say differently."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape in somebody's text is not ours to warn of
        tree = ast.parse(text)
    optional = set(_optional(tree))
    entries = canonical.get("egress", ())
    hosts = {entry["host"] for entry in entries if "suffix" not in entry}
    suffixes = tuple(f".{entry['suffix']}" for entry in entries if "suffix" in entry)
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    _check_import(alias.name, node, node in optional, findings)
            case ast.ImportFrom(level=0, module=str(module)):
                _check_import(module, node, node in optional, findings)
            case ast.ImportFrom():
                where = Mark(node.lineno, node.col_offset + 1)
                findings.add("python-import", where, message="There is no package to import from: a run is one file.")
            case ast.Constant(value=str(value)):
                _check_address(value, node, hosts, suffixes, findings)


def _check_import(name: str, node: ast.stmt, optional: bool, findings: Findings) -> None:
    if name in MODULES or optional:
        return
    close = findings.nearest(name, MODULES)
    fix = f"Did you mean {close}?" if close else ""
    message = f"{name} is not among the modules that a run may import."
    findings.add("python-import", Mark(node.lineno, node.col_offset + 1), message=message, fix=fix)


def _check_address(
    value: str, node: ast.Constant, hosts: set[str], suffixes: tuple[str, ...], findings: Findings
) -> None:
    """A text that begins as an address does; the first part of an f-string counts once its host is complete."""
    found = _ADDRESS.match(value)
    if found is None:
        return
    scheme, host = found["scheme"].lower(), found["host"].lower()
    where = Mark(node.lineno, node.col_offset + 1)
    if scheme == "http":
        message = f"{scheme}://{host:.80} is not https, so the call would be refused."
        findings.add("python-host", where, message=message, fix="Write https://.")
    elif scheme == "https" and host not in hosts and not (suffixes and host.endswith(suffixes)):
        if not found["whole"] and "." not in host:
            return  # "https://" + name: what follows is not known here
        message = f"egress does not name {host:.80}, so a call to it would be refused."
        findings.add("python-host", where, message=message, fix="Add it to the line # egress: of the header.")


def _optional(tree: ast.AST) -> Iterator[ast.stmt]:
    """Imports whose failure the code itself expects: those in the body of a try that catches it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(_forgives(handler) for handler in node.handlers):
            yield from (inner for inner in node.body if isinstance(inner, ast.Import | ast.ImportFrom))


def _forgives(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(one, ast.Name) and one.id in _FORGIVING for one in caught)
