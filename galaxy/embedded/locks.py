"""Locks that the kernel frees when their holder dies, however it dies.

Two uses. ``exclusive`` lets one process at a time start or stop servers. ``hold`` opens a lock that the started server
inherits and so keeps for as long as any process of it lives, which makes ``is_held`` the truth about a server: pid
files are no such thing, since after ``kill -9`` their pid may be gone, a zombie, or somebody else's by now.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import EmbeddedError


@contextmanager
def exclusive(path: Path, timeout_s: float = 180) -> Iterator[None]:
    """Hold ``path`` alone, waiting up to ``timeout_s`` for whoever has it. Raises EmbeddedError after that."""
    deadline = time.monotonic() + timeout_s
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _try_lock(fd):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"Another process has held {path} for {timeout_s:.0f} s; end it and try again.")
            time.sleep(0.02)
        yield
    finally:
        os.close(fd)


@contextmanager
def hold(path: Path) -> Iterator[int]:
    """Take ``path`` and yield its file descriptor, to be passed to a server that keeps the lock by inheriting it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _try_lock(fd):
            raise EmbeddedError(f"A server still holds {path}; wait until it has ended and try again.")
        yield fd
    finally:
        os.close(fd)


def is_held(path: Path) -> bool:
    """True while any process keeps ``path`` locked."""
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(fd)
    finally:
        os.close(fd)


def wait_until_free(path: Path, timeout_s: float) -> bool:
    """Wait until nobody holds ``path``; False when somebody still does after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while is_held(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
