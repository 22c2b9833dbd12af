"""A worker without WebAssembly: the case runs as native CPython in the sealed process, with every module loaded that an
attacker could wish for. What it cannot do, the operating system keeps it from doing.

``main`` takes the names of the walls that are left out as well, joined by commas, before what a worker is told.
"""

import importlib
import json
import os
import time
from functools import partial
from typing import Any

from sandbox.guest.modules import HELPERS, MODULES
from sandbox.guest.running import Failed, run
from sandbox.pool import seal, seccomp
from sandbox.pool.channel import WorkerEnd
from sandbox.pool.limits import HttpAllowance, Limits

WISHES = (
    *("asyncio", "atexit", "ctypes", "fcntl", "gc", "mmap", "multiprocessing", "os", "pathlib", "pickle", "resource"),
    *("select", "shutil", "signal", "socket", "stat", "subprocess", "sys", "tempfile", "threading", "urllib.request"),
)
STEPS = {
    "descriptors": (seal, "close_descriptors"),
    "privileges": (seal, "become_nobody"),
    "no_new_privileges": (seal, "gain_nothing"),
    "not_dumpable": (seal, "hide_memory"),
    "landlock": (seal, "forbid_paths"),
    "resource_limits": (seal, "limit_resources"),
    "seccomp": (seccomp, "install"),
}


class Host:
    """The host functions, as the guest has them in WebAssembly."""

    def __init__(self, channel: WorkerEnd, limits: Limits):
        self._channel, self._allowance = channel, HttpAllowance(limits)

    def http(self, request: str) -> str:
        return self._asked("http", request)

    def sign(self, request: str) -> str:
        return self._asked("sign", request)

    def _asked(self, operation: str, request: str) -> str:
        code = self._allowance.refusal(operation, request)
        if code:
            return json.dumps({"error": code})
        self._channel.send({"op": operation, "request": request})
        return self._channel.receive()["reply"]

    def log(self, level: str, text: str) -> None:
        self._channel.send({"op": "log", "level": level, "text": text})


def take_away(wall: str) -> None:
    """Let the step fail as it does on a host that lacks the wall."""
    place, name = STEPS[wall]

    def missing(*arguments: Any) -> None:
        raise OSError("taken away")

    setattr(place, name, missing)


def perform(channel: WorkerEnd, job: dict[str, Any]) -> None:
    host = Host(channel, Limits(**job["limits"]))
    result: dict[str, Any]
    try:
        result = {"output": run(job["code"], json.loads(job["inputs"]), job["context"], host)}
    except Failed as failed:
        result = {"failure": json.dumps(failed.facts)}
    channel.send({"op": "result", "lost_logs": 0, **result})
    channel.receive()


def main(arguments: list[str]) -> None:
    removed, _, descriptor, uid, mode = arguments
    for name in (*MODULES, *HELPERS, *WISHES):
        importlib.import_module(name)
    time.strptime("1", "%d")
    for wall in filter(None, removed.split(",")):
        take_away(wall)
    channel = WorkerEnd(int(descriptor))
    up = partial(seal.seal, keep=(), uid=int(uid), start_threads=lambda: None, required=mode != "reduced")
    try:
        missing = up(channel.descriptor)
    except Exception as error:
        channel.send({"op": "failed", "reason": str(error)})
        os._exit(1)
    channel.send({"op": "ready", "missing": missing})
    while True:
        perform(channel, channel.receive())
