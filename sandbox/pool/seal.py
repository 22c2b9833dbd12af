"""The second wall: what the operating system still allows a worker once it is sealed.

WebAssembly is the first wall. This one assumes that it has fallen and that the attacker runs native code in the worker:
no file, no socket, no process, no further descriptor, no executable memory, and no more memory than MEMORY_CEILING.
What is sealed cannot be unsealed.
"""

import ctypes
import errno
import os
import resource
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

from sandbox.pool import seccomp
from sandbox.pool.limits import MIB

# RLIMIT_DATA counts private writable mappings. wasmtime's reservations of 4 GiB are PROT_NONE and cost nothing until
# they become writable, so this one limit bounds guest and heap together: 256 for the guest, 16 for the idle worker,
# and room to work in. (RLIMIT_AS would have to be above 4 GiB, and so bound nothing.)
MEMORY_CEILING = 352 * MIB
STACK_BYTES = 8 * MIB

SYS_CLOSE_RANGE, SYS_LANDLOCK_CREATE, SYS_LANDLOCK_RESTRICT = 436, 444, 446  # the same on every architecture
SYS_CAPSET = 91 if os.uname().machine == "aarch64" else 126
CAPABILITY_VERSION_3 = 0x20080522
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
SIGKILL = 9

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def seal(
    channel: int, *, keep: Iterable[int], uid: int, start_threads: Callable[[], None], required: bool
) -> dict[str, str]:
    """Seal this process, and return {wall: why it is missing}: empty, or OSError is raised, where ``required``.

    Order matters. Credentials, no_new_privs and Landlock bind the calling thread and the threads that it starts
    later, so the process has one thread here and starts the others after them; no thread can be started after the
    limits. The filter comes last, since it forbids what the others need.
    """
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("a process is sealed before it starts threads")
    missing: dict[str, str] = {}

    def put_up(wall: str, step: Callable[..., None], *arguments) -> None:
        try:
            step(*arguments)
        except OSError as error:
            if required:
                raise
            missing[wall] = str(error)

    put_up("descriptors", close_descriptors, {channel, *keep})
    put_up("privileges", become_nobody, uid)
    put_up("parent_death", die_with_parent)  # after the change of uid, which clears it
    put_up("no_new_privileges", gain_nothing)
    put_up("not_dumpable", hide_memory)
    put_up("landlock", forbid_paths)
    start_threads()
    put_up("resource_limits", limit_resources)
    put_up("seccomp", seccomp.install, channel)
    return missing


def close_descriptors(keep: Iterable[int]) -> None:
    """What the parent left open by accident ends here, the standard streams included."""
    start = 0
    for descriptor in sorted(keep):
        if descriptor > start:
            _syscall("close_range", SYS_CLOSE_RANGE, ctypes.c_uint(start), ctypes.c_uint(descriptor - 1), 0)
        start = descriptor + 1
    _syscall("close_range", SYS_CLOSE_RANGE, ctypes.c_uint(start), ctypes.c_uint(0xFFFFFFFF), 0)


def become_nobody(uid: int) -> None:
    """Leave root for good, and hold no capability whoever we were."""
    if os.geteuid() == 0:
        for capability in range(64):
            if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):  # past the last one
                break
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _syscall("capset", SYS_CAPSET, struct.pack("=Ii", CAPABILITY_VERSION_3, 0), bytes(24))
    if 0 in os.getresuid() or 0 in os.getresgid():
        raise OSError(errno.EPERM, "still root")


def die_with_parent() -> None:
    """The kernel kills this process when the thread that started it ends."""
    _prctl("parent death signal", PR_SET_PDEATHSIG, SIGKILL)


def gain_nothing() -> None:
    _prctl("no_new_privs", PR_SET_NO_NEW_PRIVS, 1)


def hide_memory() -> None:
    """No core file, and no look into /proc/PID/mem or ptrace by processes of the same user."""
    _prctl("not dumpable", PR_SET_DUMPABLE, 0)


def forbid_paths() -> None:
    """Landlock without a rule: every path, TCP port, abstract socket and signal to others is refused (landlock(7))."""
    version = landlock_version()
    rights = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
    network, scoped = 3 if version >= 4 else 0, 3 if version >= 6 else 0
    attributes = struct.pack("=QQQ", (1 << rights) - 1, network, scoped)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _syscall(
        "landlock_create_ruleset", SYS_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0)
    )
    _syscall("landlock_restrict_self", SYS_LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)
    try:
        os.close(os.open("/", os.O_RDONLY | os.O_DIRECTORY))
    except PermissionError:
        return
    raise OSError(errno.ENOSYS, "Landlock is not in force")


def landlock_version() -> int:
    """The version of Landlock that the kernel speaks. Raises OSError where it has none."""
    return _syscall("landlock", SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))


def limit_resources() -> None:
    """No further thread, process or descriptor, no file, no core, no locked memory or queue, and MEMORY_CEILING."""
    for kind, wanted in (
        *((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_MEMLOCK, 0)),
        *((resource.RLIMIT_MSGQUEUE, 0), (resource.RLIMIT_NPROC, 0), (resource.RLIMIT_NOFILE, 0)),
        *((resource.RLIMIT_STACK, STACK_BYTES), (resource.RLIMIT_DATA, MEMORY_CEILING)),
    ):
        hard = resource.getrlimit(kind)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except ValueError as error:
            raise OSError(errno.EPERM, str(error)) from None


def _prctl(what: str, option: int, value: int) -> None:
    rest = [ctypes.c_ulong(part) for part in (value, 0, 0, 0)]
    _checked(what, _libc.prctl(option, *rest))


def _syscall(what: str, number: int, *arguments) -> int:
    return _checked(what, _libc.syscall(ctypes.c_long(number), *arguments))


def _checked(what: str, result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result
