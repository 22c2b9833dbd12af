"""A second host on this machine: a network namespace, joined to the first by one cable that can be pulled.

It has a loopback of its own, one address, and no way to anywhere but over that cable. Needs root and iproute2.
"""

import ctypes
import itertools
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")
CLONE_NEWNET = 0x40000000
PIECE = 65536
_MADE = itertools.count()


class NoNamespaces(Exception):
    """This machine lets nobody make one here; the text says why."""


class Network:
    """``here`` is the address of the first host on the cable, ``there`` that of the second; ``prefix`` comes before a
    command that is to run there. ``cut`` pulls the cable: what is sent on it is lost, and nobody is told."""

    def __init__(self) -> None:
        mark = (os.getpid() + 4099 * next(_MADE)) % 16_000  # what a namespace held goes a while after it
        self._name, self._cable = f"gxh{mark}", f"gxc{mark}"
        third, fourth = divmod(mark * 4, 256)
        self.here, self.there = f"10.231.{third}.{fourth + 1}", f"10.231.{third}.{fourth + 2}"
        self.prefix = ("ip", "netns", "exec", self._name)
        if os.geteuid() or not shutil.which("ip"):
            raise NoNamespaces("a network namespace takes root, and the program ip")
        try:
            self._ip("netns", "add", self._name)
            self._ip("link", "add", self._cable, "type", "veth", "peer", "name", "cable", "netns", self._name)
            self._ip("address", "add", f"{self.here}/30", "dev", self._cable)
            self._ip("-n", self._name, "address", "add", f"{self.there}/30", "dev", "cable")
            self._ip("-n", self._name, "link", "set", "lo", "up")
            self._ip("-n", self._name, "link", "set", "cable", "up")
            # While the cable is out, what is meant for the second host goes nowhere instead of to a router.
            self._ip("route", "add", "blackhole", f"10.231.{third}.{fourth}/30", "metric", "9000")
            self.heal()
        except subprocess.CalledProcessError as error:
            self.close()
            raise NoNamespaces(f"no network namespace can be made: {error.stderr.strip()}") from error

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self._ip("netns", "delete", self._name)  # and the cable with it
        with suppress(subprocess.CalledProcessError):
            self._ip("route", "delete", "blackhole", f"{self.here.rpartition('.')[0]}.{self._first}/30")

    @property
    def _first(self) -> int:
        return int(self.here.rpartition(".")[2]) - 1

    def cut(self) -> None:
        self._ip("link", "set", self._cable, "down")

    def heal(self) -> None:
        self._ip("link", "set", self._cable, "up")

    def inside(self, make: Callable[[], Made]) -> Made:
        """What ``make`` makes on the second host: a socket stays where it was opened, whoever reads it."""
        made: list[Made] = []
        failed: list[BaseException] = []

        def enter() -> None:
            try:
                with Path("/run/netns", self._name).open("rb") as place:
                    if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                made.append(make())
            except BaseException as error:
                failed.append(error)

        one = threading.Thread(target=enter)
        one.start()
        one.join()
        if failed:
            raise failed[0]
        return made[0]

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Forward:
    """Whatever connects to ``listener`` is connected to what ``reach`` opens, byte by byte."""

    def __init__(self, listener: socket.socket, reach: Callable[[], socket.socket]):
        self._listener, self._reach = listener, reach
        self.port = listener.getsockname()[1]
        self._forgot = threading.Event()  # set for the connections that there are when they are forgotten
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        """Let nothing more through what is connected now, and tell nobody: as a firewall does that forgot, or a server
        whose address is another's. Who connects anew gets through."""
        self._forgot.set()
        self._forgot = threading.Event()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = self._reach()
            except OSError:
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(one, other, self._forgot), daemon=True).start()


def to_unix_socket(path: str) -> Callable[[], socket.socket]:
    def reach() -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.connect(path)
        return link

    return reach


def _pump(one: socket.socket, other: socket.socket, forgot: threading.Event) -> None:
    with suppress(OSError):
        while piece := one.recv(PIECE):
            if not forgot.is_set():
                other.sendall(piece)
    if forgot.is_set():
        one.close()
        return
    for link in (one, other):
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
    one.close()
