"""Runs a creator's file and tells, in a form that can be shown, what came of it.

The same code runs inside WebAssembly and, in the escape suite, natively, with the walls taken away in turn.
"""

import builtins
import inspect
import json
import sys
import traceback
import types
from typing import Any

from sandbox.guest.context import ActionError, Context, HttpRefused, LogStream, SignRefused, TransformContext
from sandbox.guest.modules import MODULES

MESSAGE_CHARS = 1000
TRACE_LINES = 10


class Failed(Exception):
    """The run ended with an error; ``facts`` is {code, message, line, type, status, trace, own_code}, the
    last five where there are some."""

    def __init__(self, **facts: Any):
        super().__init__(facts["code"])
        self.facts = facts


def run(code: str, inputs: Any, context: dict[str, Any], host: Any) -> str:
    """The output of one run as JSON. Raises Failed."""
    filename = context["filename"]
    sys.stdout, sys.stderr = LogStream(host, "print"), LogStream(host, "warning")
    try:
        module = _load(code, filename)
        entry = _entry_point(module, filename)
        made = TransformContext if context["kind"] == "transform" else Context
        return _written(entry(inputs, made(host, context)), context["output_bytes"])
    except Failed:
        raise
    except BaseException as error:
        raise Failed(**_told(error, filename)) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _load(code: str, filename: str) -> types.ModuleType:
    """The creator's module. It stands in sys.modules, where dataclasses and typing look for it."""
    module = types.ModuleType("action")
    module.__dict__.update(
        __builtins__=vars(builtins) | {"__import__": import_listed},
        ActionError=ActionError,
        HttpRefused=HttpRefused,
        SignRefused=SignRefused,
    )
    sys.modules["action"] = module
    try:
        program = compile(code, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Failed(code="syntax_error", message=error.msg, line=error.lineno) from None
    except (MemoryError, RecursionError):  # how the parser says so
        raise Failed(code="syntax_error", message="it is nested too deeply") from None
    exec(program, module.__dict__)  # noqa: S102  (what the sandbox is for)
    return module


def import_listed(name, globals=None, locals=None, fromlist=(), level=0):
    """``import`` as creators have it: the list of modules, and nothing that those modules imported for themselves.

    C code that a creator calls, such as strptime, looks for its helpers through here too; it asks with a list as
    ``fromlist`` (PyImport_Import), a statement with a tuple or nothing.
    """
    if level or (name not in MODULES and not isinstance(fromlist, list)):
        raise ModuleNotFoundError(f"{name} is not among the modules that may be imported", name=name)
    return builtins.__import__(name, globals, locals, fromlist, level)


def _entry_point(module: types.ModuleType, filename: str):
    entry = getattr(module, "run", None)
    if not callable(entry):
        raise Failed(code="run_missing", message="")
    line = getattr(getattr(entry, "__code__", None), "co_firstlineno", None)
    if inspect.iscoroutinefunction(entry):
        raise Failed(code="run_signature", message="it is async", line=line)
    try:
        inspect.signature(entry).bind(None, None)
    except (TypeError, ValueError) as error:
        raise Failed(code="run_signature", message=str(error), line=line) from None
    return entry


def _written(value: Any, max_bytes: int) -> str:
    """The output as JSON. The parent looks at all of it again; here the reason can still be named, and 100 MB need not
    leave the guest to be refused."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except RecursionError:
        raise Failed(code="output_too_deep", message="") from None
    except UnicodeEncodeError:
        raise Failed(code="output_text", message="half of a surrogate pair") from None
    except TypeError as error:
        raise Failed(code="output_not_json", message=str(error)) from None
    except ValueError as error:
        code = "output_too_deep" if "ircular" in str(error) else "output_number"
        raise Failed(code=code, message=str(error)) from None
    if size > max_bytes:
        raise Failed(code="output_too_large", message="")
    return text


def _told(error: BaseException, filename: str) -> dict[str, Any]:
    """What can be said about an exception of the creator's code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename]
    facts: dict[str, Any] = {
        "code": _code_of(error),
        "message": _message_of(error),
        "type": type(error).__name__,
        "line": frames[-1].lineno if frames else None,
        "trace": [{"line": frame.lineno, "function": frame.name} for frame in frames[-TRACE_LINES:]],
    }
    if isinstance(error, ActionError):
        facts |= {"own_code": str(error.code), "status": error.status, "message": str(error.message)[:MESSAGE_CHARS]}
    elif isinstance(error, HttpRefused | SignRefused):
        facts["own_code"] = str(error.code)
    elif isinstance(error, ModuleNotFoundError):
        facts["message"] = str(error.name)[:MESSAGE_CHARS]
    return facts


def _code_of(error: BaseException) -> str:
    for kinds, code in (
        (ActionError, "action_error"),
        ((HttpRefused, SignRefused), "refused"),
        (ModuleNotFoundError, "import_refused"),
        (RecursionError, "recursion_limit"),
        (MemoryError, "memory_limit"),
        (SystemExit, "exited"),
    ):
        if isinstance(error, kinds):
            return code
    return "exception"


def _message_of(error: BaseException) -> str:
    """Its text, whatever the creator's ``__str__`` does."""
    try:
        return str(error)[:MESSAGE_CHARS]
    except Exception:
        return ""
