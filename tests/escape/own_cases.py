"""Cases of our own: what a run may try against the interpreter, the limits, its output and its host functions.

Each function is the text of one case, of which nothing is ever called here. ``sys`` and ``os`` are reached by way of
``inspect``, since the list of modules is no wall.
"""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

ANY = ["ok", "error", "timeout", "died"]
OWN: list[dict[str, Any]] = []


def case(group: str, *status: str, **expect: Any) -> Callable[[Callable], Callable]:
    """Take a function in as a case; without ``status`` it may end as an error or by itself, with nothing escaped."""

    def take(function: Callable) -> Callable:
        expected = {"status": list(status) or ["ok", "error"], **expect}
        OWN.append(
            {"id": function.__name__, "class": group, "inputs": {}, "expect": expected, "code": source(function)}
        )
        return function

    return take


def source(function: Callable) -> str:
    """A function as a file that has it as ``run``."""
    text = Path(inspect.getfile(function)).read_text(encoding="utf-8")
    node = next(node for node in ast.parse(text).body if getattr(node, "name", "") == function.__name__)
    return f"{ast.get_source_segment(text, node)}\nrun = {function.__name__}\n"


# --- the interpreter, from inside


@case("introspection")
def format_string_walk(inputs, ctx):
    text = "{0.log.__init__.__globals__} {0.__class__.__mro__} {0.log._host}".format(ctx)
    return {"escaped": "CANARY" in text or "/home" in text or "LD_LIBRARY" in text}


@case("introspection")
def traceback_walk(inputs, ctx):
    try:
        raise ValueError
    except ValueError as error:
        frame = error.__traceback__.tb_frame
        while frame:
            found = frame.f_globals.get("builtins") or frame.f_globals.get("__builtins__")
            frame = frame.f_back
    system = (found if isinstance(found, dict) else vars(found))["__import__"]("os")
    return {"escaped": bool(system.listdir("/") or dict(system.environ))}


@case("introspection")
def attribute_error_object(inputs, ctx):
    try:
        ctx.http.no_such_name
    except AttributeError as error:
        reached = error.obj.__class__.__init__.__globals__["base64"].binascii.__loader__
        return {"escaped": bool(reached.load_module("posix").listdir("/"))}


@case("introspection")
def subclasses_walk(inputs, ctx):
    for kind in object.__subclasses__():
        names = getattr(getattr(kind, "__init__", None), "__globals__", {})
        if "sys" in names:
            return {"escaped": bool(names["sys"].modules["os"].listdir("/"))}
    return {"escaped": False}


@case("introspection")
def generator_frames(inputs, ctx):
    def steps():
        yield steps_frame.gi_frame.f_back

    steps_frame = steps()
    frame = next(steps_frame)
    while frame.f_back:
        frame = frame.f_back
    return {"escaped": ("CAN" + "ARY") in repr((frame.f_locals, frame.f_globals))}


@case("introspection", "protocol", "error", "ok", "died")
def forged_failure(inputs, ctx):
    import inspect

    running = inspect.sys.modules["sandbox.guest.running"]
    raise running.Failed(code="sandbox_violation", message="", line=10**9)


@case("introspection")
def rewritten_runner(inputs, ctx):
    import inspect

    running = inspect.sys.modules["sandbox.guest.running"]
    running._written = lambda value, size: '{"escaped": false, "forged": "' + "x" * (size * 2) + '"}'
    return 1


@case("introspection", *ANY)
def forged_bytecode(inputs, ctx):
    import types

    code = (lambda: 0).__code__
    for size in range(0, 256, 7):
        bad = code.replace(co_code=bytes([size, 255] * 40), co_consts=(), co_stacksize=0)
        try:
            types.FunctionType(bad, {})()
        except Exception as error:
            ctx.log(type(error).__name__)
    return {"escaped": False}


@case("introspection")
def definition_time_code(inputs, ctx, system=[].__class__.__base__.__subclasses__):
    class Meta(type):
        def __prepare__(name, bases):
            return {"found": [kind for kind in system() if kind.__name__ == "Popen"]}

    class Body(metaclass=Meta):
        pass

    return {"escaped": bool(Body.found and Body.found[0](["true"]))}


# --- files, processes and threads that WebAssembly does not have


@case("wasi")
def open_by_modules(inputs, ctx):
    import inspect

    system = inspect.sys.modules["os"]
    found = []
    for path in ("/", ".", "..", "/proc/self", "/etc/passwd", "../../../../etc/passwd", "/dev/null"):
        for attempt in (system.listdir, system.stat, lambda path: system.open(path, 0), system.readlink):
            try:
                found.append(str(attempt(path)))
            except OSError:
                continue
    return {"escaped": bool(found), "found": found}


@case("wasi")
def write_by_modules(inputs, ctx):
    import inspect

    system = inspect.sys.modules["os"]
    for attempt in (
        lambda: system.mkdir("/x"),
        lambda: system.symlink("/etc", "/y"),
        lambda: system.rename("/a", "/b"),
        lambda: system.unlink("/a"),
        lambda: open("x", "w"),
    ):
        try:
            attempt()
            return {"escaped": True}
        except OSError:
            continue
    return {"escaped": False}


@case("wasi", *ANY)
def standard_output_bomb(inputs, ctx):
    import inspect

    system = inspect.sys.modules["os"]
    for _ in range(2_000):
        system.write(1, b"x" * 60_000)
    return {"escaped": bool(system.read(0, 10))}


@case("wasi", "died", "error", "ok")
def exit_now(inputs, ctx):
    import inspect

    inspect.sys.modules["os"]._exit(0)


@case("wasi", "died", "error")
def abort_now(inputs, ctx):
    import inspect

    inspect.sys.modules["os"].abort()


@case("wasi")
def start_thread(inputs, ctx):
    import inspect

    inspect.sys.modules["_thread"].start_new_thread(print, ())
    return {"escaped": True}


@case("wasi")
def environment(inputs, ctx):
    import inspect

    system = inspect.sys.modules["os"]
    return {"escaped": bool(set(system.environ) - {"LC_CTYPE"}) or "canary" in str(inspect.sys.argv).lower()}


# --- the host functions, called past the helpers


@case("host", "ok", "error", max_http=20)
def http_with_garbage(inputs, ctx):
    import inspect

    host = inspect.sys.modules["wit_world.imports"].host
    taken = []
    for text in ("", "null", "[]", "{", "1e999", '{"url": {}}', '{"method": 3, "url": "x"}', "\0", "[" * 3000):
        reply = host.http(text)
        taken += [] if '"error"' in reply else [reply]
    return {"escaped": bool(taken), "taken": taken}


@case("host", "died")
def http_with_megabytes(inputs, ctx):
    import inspect

    inspect.sys.modules["wit_world.imports"].host.http("x" * (3 << 20))
    return {"escaped": True}


@case("host")
def http_with_odd_fields(inputs, ctx):
    import inspect
    import json

    host = inspect.sys.modules["wit_world.imports"].host
    taken = []
    for fields in (
        {"url": "https://evil.test/", "allow": ["evil.test"]},
        {"url": "https://api.allowed.test/", "headers": {"Host": "evil.test"}},
        {"url": "https://api.allowed.test/", "headers": [["X", 1]], "timeout_ms": -1},
        {"url": "https://api.allowed.test/", "timeout_ms": 10**400},
        {"url": "https://metadata.allowed.test/latest/meta-data/"},
        {"url": "https://api.allowed.test\t.evil.test/"},
    ):
        reply = host.http(json.dumps({"method": "GET", **fields}))
        taken += [] if '"error"' in reply else [reply]
    return {"escaped": bool(taken), "taken": taken}


@case("host", never=["@SECRET"])
def sign_with_garbage(inputs, ctx):
    import inspect

    host = inspect.sys.modules["wit_world.imports"].host
    taken = []
    for text in ("", "[]", '{"name": "API_KEY", "alg": "none", "data": ""}', '{"name": [], "alg": {}, "data": 1}'):
        reply = host.sign(text)
        taken += [] if '"error"' in reply else [reply]
    return {"escaped": bool(taken), "taken": taken}


@case("host", *ANY)
def component_runtime(inputs, ctx):
    import inspect

    runtime = inspect.sys.modules["componentize_py_runtime"]
    for name in dir(runtime):
        for arguments in ((), (0,), (10**9, 0), (None, None, None)):
            try:
                getattr(runtime, name)(*arguments)
            except Exception as error:
                ctx.log(type(error).__name__)
    return {"escaped": False}


@case("host", "ok", "error", max_http=20)
def many_calls(inputs, ctx):
    done = 0
    for _ in range(500):
        try:
            ctx.http.get("https://api.allowed.test/large")
            done += 1
        except PermissionError:
            continue
    return {"escaped": done > 20}


# --- bombs


@case("cpu", "timeout", max_wall=3)
def regex_bomb(inputs, ctx):
    import re

    return {"escaped": bool(re.match(r"(a+)+$", "a" * 40 + "b"))}


@case("cpu", "timeout", max_wall=3)
def c_loop(inputs, ctx):
    return sum(range(10**12))


@case("cpu", "timeout", "died", max_wall=3)
def integer_bomb(inputs, ctx):
    import inspect

    inspect.sys.set_int_max_str_digits(0)
    return {"escaped": len(str(3 ** (10**8))) > 0}


@case("cpu", *ANY, max_wall=3)
def hash_flood(inputs, ctx):
    return len({number * (2**61 - 1): 0 for number in range(10**6)})


@case("cpu", "timeout", max_wall=3)
def waiting_for_the_clock(inputs, ctx):
    import time

    until = time.time() + 10**9
    while time.time() < until:
        pass
    return {"escaped": True}


@case("cpu", "timeout", "error", max_wall=3)
def finalizer_loop(inputs, ctx):
    class Phoenix:
        def __del__(self):
            Phoenix()

    Phoenix()
    while True:
        pass


@case("cpu", "timeout", "error", max_wall=3)
def comparing_forever(inputs, ctx):
    class Odd:
        def __lt__(self, other):
            return [Odd()] * 10 < [Odd()] * 10

    return sorted([Odd(), Odd()])


@case("memory", *ANY, max_wall=3)
def zip_bomb(inputs, ctx):
    import zlib

    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(40)) + packer.flush()
    return {"escaped": False, "size": len(zlib.decompress(packed * 1) * 20)}


@case("memory", "died", "error")
def one_gigabyte(inputs, ctx):
    return {"escaped": len(bytearray(1 << 30)) > 0}


@case("memory", "died", "error")
def growing_text(inputs, ctx):
    text = "x"
    while True:
        text += text


@case("memory", "died", "error", "timeout")
def many_objects(inputs, ctx):
    held = {}
    while True:
        held[len(held)] = [held]


@case("memory", "died", "error", "timeout")
def recursion_without_limit(inputs, ctx):
    import inspect

    inspect.sys.setrecursionlimit(10**9)

    def deeper(*arguments):
        return deeper(*arguments, arguments)

    return deeper()


# --- time and zones


@case("time", "ok", max_wall=2)
def long_sleep(inputs, ctx):
    import time

    before = time.monotonic()
    time.sleep(10**6)
    return {"escaped": time.monotonic() - before < 10**6}


@case("time")
def zones_from_files(inputs, ctx):
    import zoneinfo

    zoneinfo.reset_tzpath(to=["/etc", "/usr/share/zoneinfo"])
    found = []
    for name in ("../../etc/passwd", "passwd", "localtime", "Europe/../../../etc/passwd"):
        try:
            found.append(str(zoneinfo.ZoneInfo.no_cache(name)))
        except Exception as error:
            ctx.log(type(error).__name__)
    return {"escaped": bool(found)}


@case("time")
def real_clock(inputs, ctx):
    import time

    return {"escaped": abs(time.time() - ctx.now.timestamp()) > 60}
