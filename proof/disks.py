"""A small disk under one server: its data on a tmpfs, in namespaces of its own, which any user may make on Linux."""

import shutil
import subprocess
from pathlib import Path

from proof.parts import Server

MIB = 1024 * 1024
_MOUNT = """
set -e
mkdir -p "$1.small"
mount -t tmpfs -o "size=$2m,mode=0700" none "$1.small"
cp -a "$1/." "$1.small/"
mount --bind "$1.small" "$1"
echo mounted
exec sleep infinity
"""


class SmallDisk:
    """Moves the data of ``server``, which is stopped for it and started again, to a disk with ``room_mib`` to spare.

    The disk is there for as long as this object is open; what was written to it is gone after that.
    """

    def __init__(self, server: Server, room_mib: int):
        self._server = server
        data = server.root / server.name / "data"
        with server.paused():
            used = sum(one.lstat().st_size for one in data.rglob("*") if one.is_file())
            size = used // MIB + room_mib
            self._holder = subprocess.Popen(
                ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh", str(data), str(size)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )
            pid = str(self._holder.pid)
            if self._holder.stdout is None or self._holder.stdout.readline().strip() != "mounted":
                raise OSError("No small disk can be made here: namespaces of users are not allowed.")
            server.prefix = ["nsenter", "--target", pid, "--user", "--mount", "--preserve-credentials"]
            server.seen_at = Path("/proc", pid, "root")
        self._data = Path("/proc", pid, "root", *data.parts[1:])

    @property
    def free_mib(self) -> float:
        return shutil.disk_usage(self._data).free / MIB

    def fill(self) -> int:
        """Take all that is left; returns how many MiB that was."""
        taken = 0
        with (self._data / "filler").open("ab", buffering=0) as filler:
            try:
                while True:
                    taken += filler.write(b"\0" * MIB)
            except OSError:
                return taken // MIB

    def free(self) -> None:
        (self._data / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()
        if self._holder.stdout:
            self._holder.stdout.close()
