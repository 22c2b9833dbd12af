"""The functions that expressions may call besides JMESPath's own, and the one way to evaluate an expression.

Everything here is a function of its arguments: the seed and the time are handed in, never looked up.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import jmespath
import rfc8785
from jmespath import exceptions, functions
from jmespath.visitor import TreeInterpreter

_TEXT = {"types": ["string", "null"]}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ID_DIGITS = 12
MAX_STEPS = 1_000_000  # parts of an expression applied to parts of a value, about two seconds
MAX_SIZE = 4_000_000  # characters and entries of any value on the way


class EvaluationFailed(ValueError):
    """An expression is well-formed but cannot be applied to this value; the text says why, for a person."""


class TooLarge(EvaluationFailed):
    """The expression makes more of the value than a run may hold, or looks at too much of it."""

    def __init__(self) -> None:
        super().__init__("The expression makes too much of this value, or looks at too much of it.")


class GalaxyFunctions(functions.Functions):
    """``seed`` makes the identifiers of a run its own; ``now`` is the run's time in ISO 8601, or None for no clock."""

    def __init__(self, *, seed: int | str = 0, now: str | None = None) -> None:
        self.seed = str(seed)
        self.now = now

    @functions.signature(_TEXT)
    def _func_lower(self, text: str | None) -> str | None:
        """The text in lower case."""
        return None if text is None else text.lower()

    @functions.signature(_TEXT)
    def _func_upper(self, text: str | None) -> str | None:
        """The text in capitals."""
        return None if text is None else text.upper()

    @functions.signature(_TEXT)
    def _func_title(self, text: str | None) -> str | None:
        """Each word with a capital."""
        return None if text is None else title(text)

    @functions.signature(_TEXT)
    def _func_slug(self, text: str | None) -> str | None:
        """``Zoë & Söhne`` as ``zoe-sohne``: ASCII letters and digits with single hyphens between."""
        if text is None:
            return None
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower().replace("'", "")
        return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")

    @functions.signature({"types": ["string"]}, {"types": []})
    def _func_fake_id(self, prefix: str, value: Any) -> str:
        """A made-up identifier: the same for the same seed, prefix and value, another for any other."""
        named = rfc8785.dumps([self.seed, prefix, value])
        return prefix + hashlib.sha256(named).hexdigest()[:_ID_DIGITS]

    @functions.signature({"types": ["string"]})
    def _func_base64url(self, text: str) -> str:
        """The text's UTF-8 bytes by RFC 4648, section 5, without padding."""
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @functions.signature({"types": ["object"]})
    def _func_email_message(self, fields: dict[str, Any]) -> str:
        """A plain-text message by RFC 5322, from {to, cc?, bcc?, subject, body}; the first three are lists."""
        message = EmailMessage(policy=SMTP)
        for name in ("to", "cc", "bcc"):
            if fields.get(name):
                message[name.title()] = ", ".join(fields[name])
        message["Subject"] = fields.get("subject", "")
        message.set_content(fields.get("body", ""))
        return message.as_bytes().decode()

    @functions.signature()
    def _func_now(self) -> str:
        """The run's time as ISO 8601; refused where a run has no clock."""
        if self.now is None:
            raise EvaluationFailed("There is no clock here: a transform gives the same answer whenever it runs.")
        return self.now


def title(text: str) -> str:
    """Each word with a capital; apostrophes stay inside a word (``O'neil``, not ``O'Neil's`` as ``O'Neil'S``)."""
    return _WORD.sub(lambda word: word[0][0].title() + word[0][1:].lower(), text)


class Evaluator(TreeInterpreter):
    """JMESPath that stops before it grows: ``[@, @]`` in a row doubles a value with every few signs.

    All that one of them evaluates may together cost MAX_STEPS. The methods below raise EvaluationFailed.
    """

    def __init__(self, *, seed: int | str = 0, now: str | None = None) -> None:
        super().__init__(jmespath.Options(custom_functions=GalaxyFunctions(seed=seed, now=now)))
        self._steps = self._made = 0
        self._sizes: dict[int, tuple[int, Any]] = {}  # by identity, with the value, so that none takes its place

    def visit(self, node: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        self._steps += 1
        result = super().visit(node, *args, **kwargs)
        size = self.size(result)
        if node["type"] == "function_expression":
            self._made += size
        if self._steps > MAX_STEPS or max(size, self._made) > MAX_SIZE:
            raise TooLarge
        return result

    def size(self, value: Any) -> int:
        """Characters and entries that ``value`` would have if it were written out."""
        if isinstance(value, str):
            return 1 + len(value)
        if not isinstance(value, dict | list):
            return 1
        if id(value) not in self._sizes:
            inner = value
            if isinstance(value, dict):
                inner = [*value, *value.values()]
            self._sizes[id(value)] = (1 + sum(map(self.size, inner)), value)
        return self._sizes[id(value)][0]

    def tree(self, tree: Any, value: Any) -> Any:
        """A map or list whose ends are expressions, with each end evaluated over ``value``."""
        if isinstance(tree, dict):
            found: Any = {key: self.tree(part, value) for key, part in tree.items()}
        elif isinstance(tree, list):
            found = [self.tree(part, value) for part in tree]
        else:
            return self.search(tree, value)
        if self.size(found) > MAX_SIZE:
            raise TooLarge
        return found

    def search(self, expression: str, value: Any) -> Any:
        try:
            return self.visit(jmespath.compile(expression).parsed, value)
        except EvaluationFailed:
            raise
        except exceptions.JMESPathTypeError as error:
            expected = " or ".join(error.expected_types)
            raise EvaluationFailed(
                f"{error.function_name}() was given {_a(error.actual_type)} where {_a(expected)} is expected."
            ) from None
        except (exceptions.JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise EvaluationFailed(f"The expression {expression!r:.80} cannot be applied here: {error}"[:300]) from None


def evaluate(expression: str, value: Any, *, seed: int | str = 0, now: str | None = None) -> Any:
    """What the expression finds in ``value``. Raises EvaluationFailed."""
    return Evaluator(seed=seed, now=now).search(expression, value)


def evaluate_tree(tree: Any, value: Any, *, seed: int | str = 0, now: str | None = None) -> Any:
    """A map or list whose ends are expressions, with each end evaluated over ``value``. Raises EvaluationFailed."""
    return Evaluator(seed=seed, now=now).tree(tree, value)


def evaluate_fields(
    fields: dict[str, Any], value: Any, *, seed: int | str = 0, now: str | None = None
) -> dict[str, Any]:
    """``evaluate_tree`` of a map of fields, without those that find nothing: an optional field is absent, not null."""
    found = evaluate_tree(fields, value, seed=seed, now=now)
    return {name: part for name, part in found.items() if part is not None}


def _a(kind: str) -> str:
    return f"an {kind}" if kind[:1] in "aeiou" else f"a {kind}"
