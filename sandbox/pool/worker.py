"""One worker process: load the compiled guest, be sealed, then do one run after the other, each in a fresh instance.

Started by sandbox.pool.process only. It knows no secret, has no environment, and answers on one channel.
"""

import json
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wasmtime import Store, Trap, WasmtimeError
from wasmtime.component import Component, ComponentInstanceType, FuncType, Linker, ResourceType

from sandbox.pool import engine
from sandbox.pool.channel import WorkerEnd
from sandbox.pool.limits import LINE_OVERHEAD_BYTES, MIB, HttpAllowance, Limits
from sandbox.pool.seal import seal
from sandbox.pool.wasi import Wasi, World

INSIST_S = 0.010  # a run that outlived its deadline is told again this often
WATCH_STACK_BYTES = 256 * 1024
FIRST_RESOURCE_TYPE = 100


class Deadline:
    """Ends a run that is inside WebAssembly, by advancing the engine's epoch from a second thread.

    The thread sleeps until the earliest moment at which the wall clock or the run's CPU time can be over, and then
    looks again; it costs a run nothing. CPU time is that of the thread which runs the guest, as the kernel counts it.
    (Fuel would be exact to the instruction, and makes every run slower: docs/sandbox.md.) The lock sees to it that
    the end of one run never hits the next.
    """

    def __init__(self, wasm_engine):
        self._engine = wasm_engine
        self._changed = threading.Condition()
        self._cpu_clock = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
        self._wall_at = self._cpu_at = self._wakes_at = math.inf
        self.reason = ""

    def start_thread(self) -> None:
        threading.stack_size(WATCH_STACK_BYTES)
        threading.Thread(target=self._watch, daemon=True).start()

    def set(self, wall_s: float, cpu_s: float) -> None:
        with self._changed:
            self.reason = ""
            now = time.monotonic()
            self._wall_at, self._cpu_at = now + wall_s, time.clock_gettime(self._cpu_clock) + cpu_s
            if now + min(wall_s, cpu_s) < self._wakes_at:
                self._changed.notify()

    def clear(self) -> None:
        with self._changed:
            self._wall_at = math.inf

    def _watch(self) -> None:
        with self._changed:
            while True:
                now, left = time.monotonic(), math.inf
                if self._wall_at < math.inf:
                    wall_left = self._wall_at - now
                    cpu_left = self._cpu_at - time.clock_gettime(self._cpu_clock)
                    left = min(wall_left, cpu_left)
                    if left <= 0:
                        self.reason = self.reason or ("time_limit" if wall_left <= 0 else "cpu_limit")
                        self._engine.increment_epoch()
                        left = INSIST_S
                self._wakes_at = now + left
                self._changed.wait(None if left == math.inf else left)


class Run:
    """What the host functions know of the run in progress."""

    def __init__(self, limits: Limits):
        self.http = HttpAllowance(limits)
        self.log_room = limits.log_bytes
        self.lost_logs = 0


class Guest:
    """The compiled guest with everything it can reach. One run at a time."""

    def __init__(self, compiled_path: str, channel: WorkerEnd):
        engine.repair_binding()
        self._channel = channel
        self._engine = engine.new_engine()
        self._component = Component.deserialize_file(self._engine, compiled_path)
        self._wasi = Wasi()
        self._run = Run(Limits())
        self._linker = Linker(self._engine)
        self._link()
        self.deadline = Deadline(self._engine)

    def _link(self) -> None:
        """Give the guest every import it names: ours, or one that ends the run."""
        ours = self._wasi.functions() | {
            "galaxy:sandbox/host#http": self._http,
            "galaxy:sandbox/host#sign": self._sign,
            "galaxy:sandbox/host#log": self._log,
        }
        types = self._wasi.resource_types
        for interface, item in self._component.type.imports(self._engine).items():
            if not isinstance(item.ty, ComponentInstanceType):
                raise TypeError(f"the guest imports {interface}, which is no interface")
            with self._linker.root() as root, root.add_instance(interface) as instance:
                for name, member in item.ty.exports(self._engine).items():
                    if isinstance(member.ty, ResourceType):
                        kind = types.setdefault(name, FIRST_RESOURCE_TYPE + len(types))
                        instance.add_resource(name, ResourceType.host(kind), lambda store, handle: None)
                    elif isinstance(member.ty, FuncType):
                        key = f"{interface.partition('@')[0]}#{name}"
                        instance.add_func(name, ours.get(key) or _denied(key))

    # What the guest can call. Nothing but WasmtimeError may leave these.

    def _http(self, store, request):
        return self._asked("http", request)

    def _sign(self, store, request):
        return self._asked("sign", request)

    def _asked(self, operation: str, request: str) -> str:
        code = self._run.http.refusal(operation, request)
        if code:
            return json.dumps({"error": code})
        self._channel.send({"op": operation, "request": request})
        reply = self._channel.receive()["reply"]
        self._run.http.received(reply)
        return reply

    def _log(self, store, level, text):
        run = self._run
        if run.log_room <= 0:
            run.lost_logs += 1
            return
        text = text[: run.log_room]
        run.log_room -= len(text.encode("utf-8", "replace")) + LINE_OVERHEAD_BYTES
        self._channel.send({"op": "log", "level": level[:16], "text": text})

    def perform(self, job: dict[str, Any], *, finish: Callable[[dict[str, Any]], None]) -> None:
        """One run in one fresh instance. ``finish`` is called with the result while the instance still stands, so
        that the parent can see what memory it took."""
        limits = Limits(**job["limits"])
        self._run = Run(limits)
        self._wasi.world = World(job["context"]["seed"], job["context"]["now_ns"])
        engine.forget_last_exception()
        result: dict[str, Any]
        store = Store(self._engine)
        try:
            store.set_limits(memory_size=limits.memory_bytes, memories=8, instances=200, tables=50)
            store.set_epoch_deadline(1)
            self.deadline.set(limits.wall_ms / 1000, limits.cpu_ms / 1000)
            instance = self._linker.instantiate(store, self._component)
            run = instance.get_func(store, "run")
            if run is None:
                raise RuntimeError("the guest has no function run")
            answer = run(store, job["code"], job["inputs"], json.dumps(job["context"]))
            result = {"output" if answer.tag == "ok" else "failure": answer.payload}
        except (Trap, WasmtimeError) as error:
            result = {"stopped": self._why(str(error))}
        except MemoryError:  # of this process, not of the guest: MEMORY_CEILING
            result = {"stopped": "memory_limit"}
        except Exception:  # a host function met what it does not expect; the instance is thrown away in any case
            result = {"stopped": "crashed"}
        finally:
            self.deadline.clear()
        try:
            finish({"op": "result", "lost_logs": self._run.lost_logs, **result})
        finally:
            store.close()  # gives the memory back now, and not at some collection

    def _why(self, message: str) -> str:
        """wasmtime tells the cause of a trap in words only."""
        if "interrupt" in message:
            return self.deadline.reason or "time_limit"
        for words, code in (
            ("call stack exhausted", "recursion_limit"),
            ("denied import", "crashed"),
            ("over the limit", "value_too_large"),
            ("guest called exit", "exited"),
        ):
            if words in message:
                return code
        return "crashed"


def _denied(key: str) -> Callable:
    def denied(store, *arguments):
        raise WasmtimeError(f"denied import: {key}")

    return denied


# A first run before sealing: signal handlers, the alternate stack and lazy imports are made then.
WARM_UP = {
    "code": "def run(inputs, ctx):\n    return ctx.now.isoformat()",
    "inputs": "{}",
    "context": {"filename": "warm-up", "kind": "transform", "now_ns": 0, "run_id": "", "seed": "", "secrets": {}}
    | {"output_bytes": MIB},
    "limits": {},
}


def descriptors_of(path: str) -> set[int]:
    """wasmtime keeps the compiled file open, since every instance maps its first memory from it."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            if link.samefile(path):
                found.add(int(link.name))
        except OSError:  # the descriptor of the listing itself
            continue
    return found


def serve(channel: WorkerEnd, compiled_path: str, uid: int, required: bool) -> None:
    """Until the parent is gone. Whoever cannot be sealed reads no job, and says why."""
    try:
        guest = Guest(compiled_path, channel)
        guest.perform(WARM_UP, finish=_expect_output)
        missing = seal(
            channel.descriptor,
            keep=descriptors_of(compiled_path),
            uid=uid,
            start_threads=guest.deadline.start_thread,
            required=required,
        )
    except Exception as error:
        channel.send({"op": "failed", "reason": f"{type(error).__name__}: {error}"[:500]})
        os._exit(1)
    channel.send({"op": "ready", "missing": missing})

    def hand_over(result: dict[str, Any]) -> None:
        channel.send(result)
        channel.receive()

    while True:
        guest.perform(channel.receive(), finish=hand_over)


def _expect_output(result: dict[str, Any]) -> None:
    if "output" not in result:
        raise RuntimeError(f"the guest does not work: {result}"[:400])


def main(arguments: list[str]) -> None:
    compiled_path, descriptor, uid, walls = arguments
    serve(WorkerEnd(int(descriptor)), compiled_path, int(uid), required=walls != "reduced")
