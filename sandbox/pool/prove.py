"""Tries the walls of this host, one attempt in one child each, and prints {wall: the hole in it, or nothing} as JSON.

Started by sandbox.pool.walls only. Single-threaded and without wasmtime, so that it may fork.
"""

import ctypes
import errno
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial

from sandbox.pool import seal, seccomp

UID = 64320
CAUGHT, THROUGH, BROKEN = 0, 1, 2
MAP_PRIVATE_ANONYMOUS, MAP_SHARED_ANONYMOUS = 0x22, 0x21
PROT_READ_WRITE, PROT_READ_EXEC = 3, 5

# (x86_64, aarch64): calls that must end the process, whatever their arguments.
FATAL = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "execve": (59, 221), "clone": (56, 220),
    "ptrace": (101, 117), "kill": (62, 129), "memfd_create": (319, 279), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "bpf": (321, 280), "perf_event_open": (298, 241), "mount": (165, 40),
    "setns": (308, 268), "unshare": (272, 97), "prctl": (157, 167), "process_vm_readv": (310, 270),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "shmget": (29, 194),
    "setuid": (105, 146), "add_key": (248, 217), "keyctl": (250, 219), "init_module": (175, 105),
    "sendmsg": (46, 211), "recvmsg": (47, 212), "openat2": (437, 437), "dup": (32, 23), "personality": (135, 92),
}  # fmt: skip

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = libc.mmap.restype = ctypes.c_long


def outcome_of(*steps: Callable[[], object]) -> int:
    """How a child ended that did ``steps`` and then left: its exit status, or the negative number of a signal."""
    child = os.fork()
    if child == 0:
        try:
            for step in steps:
                step()
        except BaseException:
            os._exit(BROKEN)
        os._exit(CAUGHT)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def refused(attempt: Callable[[], object], *expected: int) -> Callable[[], object]:
    """A step that leaves with THROUGH when ``attempt`` succeeds or is refused for a reason other than ``expected``."""

    def step() -> None:
        try:
            attempt()
        except OSError as error:
            if error.errno in expected:
                return
        os._exit(THROUGH)

    return step


def call(number: int) -> None:
    if libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def map_memory(size: int, protection: int, flags: int) -> None:
    if libc.mmap(None, ctypes.c_size_t(size), protection, flags, -1, ctypes.c_long(0)) == -1:
        raise OSError(ctypes.get_errno(), "refused")


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def nobody() -> None:
    seal.become_nobody(UID)


def filtered() -> None:
    seal.gain_nothing()
    seccomp.install(channel=0)


def landlock() -> str:
    """Alone: paths, and TCP and signals where the kernel's Landlock speaks of them."""
    version = seal.landlock_version()
    attempts: list[Callable[[], object]] = [
        lambda: os.open("/proc/self/status", os.O_RDONLY),
        lambda: os.open("/tmp", os.O_RDWR | os.O_TMPFILE),  # noqa: S108  (a file without a name, should it come to be)
    ]
    if version >= 4:
        attempts.append(lambda: socket.socket().connect(("127.0.0.1", 1)))
        attempts.append(lambda: socket.socket().bind(("127.0.0.1", 0)))
    if version >= 6:
        attempts.append(lambda: os.kill(os.getppid(), 0))
    for attempt in attempts:
        if outcome_of(nobody, seal.gain_nothing, seal.forbid_paths, refused(attempt, errno.EACCES, errno.EPERM)):
            return "Landlock let something through"
    return ""


def filter_of_calls() -> str:
    """Alone: every call of FATAL ends the process, and executable or shared memory is refused."""
    for name, numbers in FATAL.items():
        number = numbers[seccomp.COLUMN]
        if outcome_of(filtered, partial(call, number)) != -signal.SIGSYS:
            return f"the filter let {name} through"
    for attempt in (
        lambda: os.open("/", os.O_RDONLY),
        lambda: map_memory(4096, PROT_READ_EXEC, MAP_PRIVATE_ANONYMOUS),
        lambda: map_memory(4096, PROT_READ_WRITE, MAP_SHARED_ANONYMOUS),
        lambda: os.read(1, 1),
    ):
        if outcome_of(filtered, refused(attempt, errno.EPERM)):
            return "the filter let a file or executable memory through"
    return ""


def limits() -> str:
    """Alone: no process, no descriptor, no more memory than the ceiling."""
    for attempt, reason in (
        (fork, errno.EAGAIN),
        (lambda: os.open("/", os.O_RDONLY), errno.EMFILE),
        (socket.socket, errno.EMFILE),
        (lambda: map_memory(seal.MEMORY_CEILING, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS), errno.ENOMEM),
    ):
        if outcome_of(nobody, seal.limit_resources, refused(attempt, reason)):
            return "a limit of the kernel does not hold"
    return ""


def privileges() -> str:
    kept = outcome_of(nobody, refused(lambda: os.setuid(0), errno.EPERM), refused(lambda: os.chroot("/"), errno.EPERM))
    return "root or a capability could be kept" if kept else ""


def status_shows(name: str, value: str) -> Callable[[], None]:
    def step() -> None:
        with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123  (as little as can be)
            if f"{name}:\t{value}\n" not in file.read():
                os._exit(THROUGH)

    return step


def no_new_privileges() -> str:
    return "not accepted" if outcome_of(seal.gain_nothing, status_shows("NoNewPrivs", "1")) else ""


def not_dumpable() -> str:
    def hidden() -> None:
        if libc.prctl(3, 0, 0, 0, 0) != 0:  # PR_GET_DUMPABLE
            os._exit(THROUGH)

    return "not accepted" if outcome_of(seal.hide_memory, hidden) else ""


def descriptors() -> str:
    closed = refused(lambda: os.fstat(2), errno.EBADF)
    return "a descriptor stayed open" if outcome_of(lambda: seal.close_descriptors({0}), closed) else ""


def parent_death() -> str:
    return "not accepted" if outcome_of(seal.die_with_parent) else ""


def everything() -> str:
    """All walls together, as a worker has them: each attempt ends the process or is refused."""
    sealed = [lambda: seal.seal(0, keep=(), uid=UID, start_threads=lambda: None, required=True)]
    if outcome_of(*sealed):
        return "the walls do not go up together"
    for name in ("socket", "execve", "clone", "ptrace", "kill"):
        number = FATAL[name][seccomp.COLUMN]
        if outcome_of(*sealed, partial(call, number)) != -signal.SIGSYS:
            return f"a sealed process could call {name}"
    return ""


def webassembly() -> str:
    """The interpreter is checked by its hash when the pool opens it; here it is only asked whether it can be loaded."""
    from importlib.util import find_spec

    return "" if find_spec("wasmtime") else "wasmtime is not installed"


PROOFS: dict[str, Callable[[], str]] = {
    "webassembly": webassembly,
    "landlock": landlock,
    "seccomp": lambda: filter_of_calls() or everything(),
    "resource_limits": limits,
    "privileges": privileges,
    "no_new_privileges": no_new_privileges,
    "not_dumpable": not_dumpable,
    "descriptors": descriptors,
    "parent_death": parent_death,
}


def main(arguments: list[str]) -> None:
    found = {}
    for wall, proof in PROOFS.items():
        try:
            found[wall] = proof()
        except OSError as error:
            found[wall] = str(error) or type(error).__name__
    sys.stdout.write(json.dumps(found))
