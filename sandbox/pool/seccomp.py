"""The system calls that are left to a sealed worker, as a classic BPF program for seccomp(2).

Assembled here by hand, since the packages that do it need libseccomp on each host, and the list is short enough to
read. It was recorded with strace over 228 hostile programs, memory bombs, traps and overruns, then cut down: what is
not named kills the process.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Callable

IS_KNOWN = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") and sys.byteorder == "little"

# name: (x86_64, aarch64), from the kernel's tables. The aarch64 column was never run.
NUMBERS = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215),
    "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "mremap": (25, 216), "madvise": (28, 233), "getpid": (39, 172), "exit": (60, 93), "sigaltstack": (131, 132),
    "gettid": (186, 178), "futex": (202, 98), "restart_syscall": (219, 128), "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115), "exit_group": (231, 94), "tgkill": (234, 131), "getrandom": (318, 278),
    "openat": (257, 56), "newfstatat": (262, 79), "readlinkat": (267, 78), "ioctl": (16, 29), "fstat": (5, 80),
    "lseek": (8, 62), "fcntl": (72, 25), "sched_getaffinity": (204, 123), "prlimit64": (302, 261),
    "sysinfo": (99, 179), "uname": (63, 160), "clone3": (435, 435), "socket": (41, 198), "connect": (42, 203),
    "bind": (49, 200), "execve": (59, 221),
}  # fmt: skip
COLUMN, AUDIT_ARCH, SYS_SECCOMP = {
    "x86_64": (0, 0xC000003E, 317),
    "aarch64": (1, 0xC00000B7, 277),
}.get(platform.machine(), (0, 0, 0))  # elsewhere nothing is installed

# rt_sigaction must be among them: after a crash outside WebAssembly wasmtime's handler restores the default action and
# returns; refused, the crash would repeat for ever. clock_gettime reads the CPU time of the run.
ALLOWED = (
    *("munmap", "brk", "mremap", "madvise", "futex", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack"),
    *("getpid", "gettid", "exit", "exit_group", "restart_syscall", "clock_gettime", "clock_nanosleep", "getrandom"),
)
# What libc or CPython may try on a rare path and can live without: refused, and not fatal.
REFUSED = (
    *("openat", "newfstatat", "readlinkat", "ioctl", "fstat", "lseek", "fcntl", "close", "sched_getaffinity"),
    *("prlimit64", "sysinfo", "uname", "clone3"),
)

PROT_EXEC, MAP_SHARED = 4, 1
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000  # SECCOMP_RET_*, KILL_PROCESS
LOAD, IF_EQUAL, IF_AT_LEAST, IF_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # linux/bpf_common.h
NUMBER, ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
X32_BIT = 0x40000000
SET_MODE_FILTER, TSYNC = 1, 1


def _low_word(argument: int) -> int:
    return 16 + 8 * argument


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value & 0xFFFFFFFF)


def program(channel: int) -> bytes:
    """The filter, packed. ``channel`` is the one descriptor that may be read and written."""
    ops = [_op(LOAD, ARCHITECTURE), _op(IF_EQUAL, AUDIT_ARCH, 1, 0), _op(RETURN, KILL), _op(LOAD, NUMBER)]
    if platform.machine() == "x86_64":
        ops += [_op(IF_AT_LEAST, X32_BIT, 0, 1), _op(RETURN, KILL)]

    def rule(name: str, *block: bytes) -> None:
        ops.extend([_op(IF_EQUAL, NUMBERS[name][COLUMN], 0, len(block)), *block])

    allow, refuse = _op(RETURN, ALLOW), _op(RETURN, REFUSE)
    for name in ("read", "write"):
        rule(name, _op(LOAD, _low_word(0)), _op(IF_EQUAL, channel, 0, 1), allow, refuse)
    # No more executable memory: the compiled guest is mapped already. No shared mappings: RLIMIT_DATA does not see
    # them.
    rule("mprotect", _op(LOAD, _low_word(2)), _op(IF_ANY_BIT, PROT_EXEC, 1, 0), allow, refuse)
    rule(
        "mmap",
        *(_op(LOAD, _low_word(2)), _op(IF_ANY_BIT, PROT_EXEC, 3, 0)),
        *(_op(LOAD, _low_word(3)), _op(IF_ANY_BIT, MAP_SHARED, 1, 0)),
        *(allow, refuse),
    )
    rule("tgkill", _op(LOAD, _low_word(0)), _op(IF_EQUAL, os.getpid(), 0, 1), allow, refuse)  # abort() ends itself
    for name in ALLOWED:
        rule(name, allow)
    for name in REFUSED:
        rule(name, refuse)
    return b"".join([*ops, _op(RETURN, KILL)])


def without(*names: str) -> bytes:
    """A filter, packed, that refuses the calls called ``names`` and lets every other through."""
    ops = [_op(LOAD, ARCHITECTURE), _op(IF_EQUAL, AUDIT_ARCH, 1, 0), _op(RETURN, KILL), _op(LOAD, NUMBER)]
    if platform.machine() == "x86_64":
        ops += [_op(IF_AT_LEAST, X32_BIT, 0, 1), _op(RETURN, KILL)]
    for name in names:
        ops += [_op(IF_EQUAL, NUMBERS[name][COLUMN], 0, 1), _op(RETURN, REFUSE)]
    return b"".join([*ops, _op(RETURN, ALLOW)])


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def install(channel: int) -> None:
    """Put every thread of this process under the filter of a sealed worker, for good. Raises OSError."""
    put_up(program, channel)


def put_up(filter: Callable[..., bytes], *arguments: int | str) -> None:
    """Put every thread of this process under ``filter(*arguments)``, for good. Raises OSError.

    TSYNC, since whoever has native code in one thread has the memory, and so the behaviour, of all of them.
    """
    if not IS_KNOWN:
        raise OSError(errno.ENOSYS, "the filter is for Linux on x86_64 and aarch64")
    packed = filter(*arguments)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    argument = _Program(len(packed) // 8, ctypes.cast(buffer, ctypes.c_void_p).value)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    left_out = libc.syscall(
        ctypes.c_long(SYS_SECCOMP), ctypes.c_uint(SET_MODE_FILTER), ctypes.c_uint(TSYNC), ctypes.byref(argument)
    )
    if left_out:
        code = ctypes.get_errno() if left_out < 0 else errno.EBUSY
        raise OSError(code, f"seccomp: {os.strerror(code)}")
