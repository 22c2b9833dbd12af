"""Mapping expressions: JMESPath, checked before anything runs for syntax and for the names they begin with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import jmespath
from jmespath import exceptions

from .functions import GalaxyFunctions

MAX_LENGTH = 1000
FUNCTIONS = frozenset(GalaxyFunctions.FUNCTION_TABLE)
# jmespath.py parses and evaluates by recursion, so both are bounded well below Python's limit, wherever it is called.
_MAX_NESTING = 40
_MAX_STEPS = 100
# jmespath.py takes a literal that is no JSON for a text and warns of it; here it is refused before it gets there.
_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?P<json>(?:\\.|[^`\\])*)`""", re.DOTALL)


class BadExpression(ValueError):
    """``offset`` counts characters from the start of the expression."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class Reference(NamedTuple):
    """Where an expression begins to read: ``steps.task.id`` is root "steps", member "task"."""

    root: str
    member: str | None


def parse(expression: str) -> list[Reference]:
    """What the expression refers to from its outermost scope. Raises BadExpression."""
    if len(expression) > MAX_LENGTH:
        raise BadExpression(f"The expression has {len(expression)} characters; the most is {MAX_LENGTH}.")
    if _bracket_depth(expression) > _MAX_NESTING or sum(map(expression.count, "[*&!")) > _MAX_STEPS:
        raise BadExpression(
            f"The expression nests more than {_MAX_NESTING} levels or takes more than {_MAX_STEPS} steps."
        )
    for literal in _QUOTED.finditer(expression):
        if literal["json"] is not None and not _is_json(literal["json"].replace("\\`", "`")):
            message = f"`{literal['json']:.40}` is not JSON; a text is written 'text'."
            raise BadExpression(message, literal.start())
    try:
        tree = jmespath.compile(expression).parsed
    except exceptions.LexerError as error:
        raise BadExpression(f"Unexpected {error.token_value!r:.40}.", error.lex_position) from None
    except exceptions.ParseError as error:
        what = f"Unexpected {error.token_value!r:.40}." if error.token_value else "It ends too early."
        raise BadExpression(what, max(error.lex_position, 0)) from None
    except exceptions.EmptyExpressionError:
        raise BadExpression("The expression is empty.") from None
    except (exceptions.JMESPathError, ValueError, RecursionError) as error:
        raise BadExpression(f"{type(error).__name__}: it cannot be read.") from None
    if _tree_depth(tree) > _MAX_STEPS:
        raise BadExpression(f"The expression takes more than {_MAX_STEPS} steps.")
    if _negates_too_little(tree):
        raise BadExpression("`!` takes the next word only here; write !(a.b).", expression.find("!"))
    if unknown := next((name for name in _functions(tree) if name not in FUNCTIONS), None):
        raise BadExpression(f"There is no function {unknown!r:.40}.", expression.find(unknown))
    return list(_references(tree))


def _references(tree: dict[str, Any]) -> Iterator[Reference]:
    """Fields read from the outermost scope; what follows a dot, a pipe or a projection has a scope of its own."""
    kind, children = tree["type"], tree["children"]
    if kind == "field":
        yield Reference(tree["value"], None)
    elif kind == "subexpression":
        first, second = children[0], children[1]
        if first["type"] == "field":
            yield Reference(first["value"], _leftmost(second))
        else:
            yield from _references(first)
    elif kind in ("index_expression", "pipe", "projection", "value_projection", "filter_projection", "flatten"):
        yield from _references(children[0])
    elif kind == "expref":
        return
    else:
        for child in children:
            if isinstance(child, dict):
                yield from _references(child)


def _bracket_depth(expression: str) -> int:
    depth = deepest = 0
    for letter in expression:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _tree_depth(tree: dict[str, Any]) -> int:
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [child for node in level for child in node["children"] if isinstance(child, dict)]
    return depth


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _negates_too_little(tree: dict[str, Any]) -> bool:
    """jmespath.py reads ``!a.b`` as ``(!a).b``, which is never what is meant."""
    children = [child for child in tree["children"] if isinstance(child, dict)]
    is_path = tree["type"] in ("subexpression", "index_expression", "projection", "filter_projection", "flatten")
    return (is_path and children[0]["type"] == "not_expression") or any(map(_negates_too_little, children))


def _leftmost(tree: dict[str, Any]) -> str | None:
    """The name right behind the dot: ``task`` in ``steps.task[0]`` and ``steps.task[*].id``."""
    while tree["type"] in ("subexpression", "index_expression", "projection", "filter_projection", "flatten"):
        tree = tree["children"][0]
    return tree["value"] if tree["type"] == "field" else None


def _functions(tree: dict[str, Any]) -> Iterator[str]:
    if tree["type"] == "function_expression":
        yield tree["value"]
    for child in tree["children"]:
        if isinstance(child, dict):
            yield from _functions(child)
