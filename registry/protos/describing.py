"""Asking the child process, and remembering what it said."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64decode
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from registry.protos.pools import BadProto, Method, find_method
from registry.protos.schemas import Schemas

SECONDS = 15.0  # it takes 0.2 s; a machine under load takes its time
MOST_BYTES = 4 * 1024 * 1024  # that it may print
MOST_KEPT = 64
MOST_AT_ONCE = 2
PAUSE_S = 2.0  # before a text that was not read is tried again: all actions of one manifest may hang on it
_ROOT = Path(__file__).resolve().parents[2]
# -I: no environment, no user's packages, no current directory. The project comes last in the search.
_START = "import sys; sys.path.append(sys.argv[1]); from registry.protos.child import main; main()"
# Texts that were not read: when each may be tried again, and what was said.
_unread: dict[tuple[str, str], tuple[float, type[BadProto], str]] = {}
_slots = threading.BoundedSemaphore(MOST_AT_ONCE)


class TookTooLong(BadProto):
    """It was not read in time, which may be the machine's fault as well as the author's."""


@dataclass(frozen=True)
class Description:
    """One unary method, and JSON Schemas of what it takes and gives, without ``$schema``."""

    method: Method
    inputs: dict[str, Any]
    outputs: dict[str, Any]


def describe(grpc: dict[str, str]) -> Description:
    """The call that a manifest's ``grpc`` declares: {service, method, proto | descriptor_set}. Raises BadProto."""
    method = method_of(grpc)
    return Description(
        method=method,
        inputs=Schemas(is_answer=False).of(method.descriptor.input_type),
        outputs=Schemas(is_answer=True).of(method.descriptor.output_type),
    )


def method_of(grpc: dict[str, str]) -> Method:
    """The same without the schemas. A text is compiled once in a process. Safe for many threads. Raises BadProto."""
    key = next((name for name in ("proto", "descriptor_set") if name in grpc), None)
    if key is None:
        raise BadProto("Neither proto nor descriptor_set describes the call.")
    answer = _asked(key, grpc[key])
    if "error" in answer:
        raise BadProto(str(answer["error"]))
    return find_method(b64decode(answer["descriptor_set"]), grpc["service"], grpc["method"])


def _asked(key: str, text: str) -> dict[str, Any]:
    """What the child says of a text: {descriptor_set} or {error}, which is remembered.

    Raises TookTooLong, or BadProto where it broke. Either may be the machine's fault, so it is asked again later.
    """
    until, kind, said = _unread.get((key, text), (0.0, BadProto, ""))
    if time.monotonic() < until:
        raise kind(said)
    try:
        return _answer(key, text)
    except BadProto as error:
        if len(_unread) >= MOST_KEPT:
            _unread.clear()
        _unread[key, text] = (time.monotonic() + PAUSE_S, type(error), str(error))
        raise


@lru_cache(MOST_KEPT)
def _answer(key: str, text: str) -> dict[str, Any]:
    if not _slots.acquire(timeout=SECONDS):  # whoever asks may be a web request, and others wait behind it
        raise TookTooLong("Other descriptions are being read, and this one had to wait too long.")
    try:
        return _said(key, text)
    finally:
        _slots.release()


def _said(key: str, text: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="galaxy-proto-") as folder, tempfile.TemporaryFile() as said:
        try:
            done = subprocess.run(  # noqa: S603  (this very interpreter, and a module of ours)
                [sys.executable, "-I", "-c", _START, str(_ROOT)],
                input=json.dumps({key: text}).encode(),
                stdout=said,
                stderr=subprocess.DEVNULL,
                env={},
                cwd=folder,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TookTooLong("The description of the call was not read in time.") from None
        said.seek(0)
        printed = said.read(MOST_BYTES)
    try:
        answer = json.loads(printed)
    except ValueError:
        answer = None
    if done.returncode or not isinstance(answer, dict):
        raise BadProto("The compiler broke on this description.")
    return answer
