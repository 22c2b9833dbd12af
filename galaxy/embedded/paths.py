"""Where the embedded servers keep their data and their sockets."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from .errors import EmbeddedError

# The address of a Unix socket holds 104 bytes on macOS and 108 on Linux, the closing zero included (sys/un.h).
SOCKET_PATH_BYTES = 103
LONGEST_SOCKET = "postgres/.s.PGSQL.5432"

# Fixed, not tempfile.gettempdir(): a process with another TMPDIR must find the same sockets.
SHORT_BASE = Path("/tmp")  # noqa: S108  (private_dir checks what it finds there)


def data_dir(default: Path) -> Path:
    """The directory for embedded data: GALAXY_DATA_DIR when set, else ``default``."""
    return Path(os.environ.get("GALAXY_DATA_DIR") or default)


@dataclass(frozen=True)
class Places:
    """The directories of one root. ``sockets`` is the root itself where a socket's path may be that long, and has no
    comma, which libpq would read as the start of a second host."""

    root: Path
    sockets: Path

    @classmethod
    def of(cls, root: Path) -> "Places":
        """The places of ``root``; nothing is created. Symbolic links are resolved, so that each root has one name."""
        root = root.expanduser().resolve()
        if len(os.fsencode(root / LONGEST_SOCKET)) <= SOCKET_PATH_BYTES and "," not in str(root):
            return cls(root, root)
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
        return cls(root, SHORT_BASE / f"galaxy-{os.geteuid()}-{name}")

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def make(self) -> None:
        """Create both directories. Raises EmbeddedError when one of them belongs to somebody else."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        private_dir(self.root)
        if self.sockets != self.root:
            private_dir(self.sockets)


def private_dir(path: Path, owner: int | None = None) -> Path:
    """Create ``path`` with mode 0700 for ``owner`` (default: us), or check that it belongs to them, and return it.

    Looked at without following links: in a shared place such as /tmp somebody else may have put a directory or a link
    there first, to read our sockets or to serve false ones. Raises EmbeddedError then. A directory that others may
    pass through without looking (0711) is left so; see postgres.start.
    """
    owner = os.geteuid() if owner is None else owner
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        if owner != os.geteuid():
            os.chown(path, owner, owner)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
        raise EmbeddedError(f"{path} is not a directory of user {owner}: remove it, or set GALAXY_DATA_DIR elsewhere.")
    if stat.S_IMODE(found.st_mode) & 0o066:
        path.chmod(0o700)
    return path
