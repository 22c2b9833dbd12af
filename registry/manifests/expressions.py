"""Mapping expressions: JMESPath, checked before anything runs for syntax and for the names they begin with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jmespath
from jmespath import exceptions

from .functions import GalaxyFunctions

MAX_LENGTH = 1000
FUNCTIONS = frozenset(GalaxyFunctions.FUNCTION_TABLE)
_MAX_NESTING = 40


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
    # jmespath parses by recursion, so nesting is bounded before it begins.
    depth = deepest = 0
    for letter in expression:
        depth += (letter in "([{!") - (letter in ")]}")
        deepest = max(deepest, depth)
    if deepest > _MAX_NESTING:
        raise BadExpression(f"The expression nests more than {_MAX_NESTING} levels.")
    try:
        tree = jmespath.compile(expression).parsed
        called, references = list(_functions(tree)), list(_references(tree))
    except exceptions.LexerError as error:
        raise BadExpression(f"Unexpected {error.token_value!r:.40}.", error.lex_position) from None
    except exceptions.ParseError as error:
        what = f"Unexpected {error.token_value!r:.40}." if error.token_value else "It ends too early."
        raise BadExpression(what, max(error.lex_position, 0)) from None
    except exceptions.EmptyExpressionError:
        raise BadExpression("The expression is empty.") from None
    except (exceptions.JMESPathError, ValueError, RecursionError) as error:
        raise BadExpression(f"{type(error).__name__}: it cannot be read.") from None
    if unknown := next((name for name in called if name not in FUNCTIONS), None):
        raise BadExpression(f"There is no function {unknown!r:.40}.", expression.find(unknown))
    return references


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
