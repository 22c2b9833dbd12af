"""A whole Galaxy on servers of its own, as production runs it (docs/deployment.md): for proofs, not for people.

    with Stack(folder, web=2, workers=2) as stack:
        requests.get(stack.urls[0] + "/healthz", headers=stack.headers)
        stack.part("worker-1").kill()
        stack.part("worker-1").wait_ready()

Everything lies under ``folder``: PostgreSQL and Valkey, what each process has for itself, logs. Ports are whatever is
free, so stacks run side by side. What dies is started again at once, as an init system would.
"""

import contextlib
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from galaxy.core.errors import DomainError
from galaxy.core.vault.kms.local import make_key_file
from galaxy.core.vault.signing import make_signing_keys
from galaxy.embedded import postgres, valkey
from galaxy.embedded.paths import Places
from proof.parts import ALL, ROOT, Part, Program, Server
from sandbox.sandboxd.client import CONNECT_S, ask

START_TIMEOUT_S = 300.0  # of everything at once, on a machine that has other work too
LOOK_EVERY_S = 0.1
RESTART_AFTER_S = 0.1  # systemd's own RestartSec
THREADS = 8
KEPT_IN_TEMPLATE = ("postgres", "keys", "data/prepare")
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")


class Stack:
    """``web`` and ``workers`` are how many of each; ``durable=False`` gives up fsync, for what no disk is asked about.

    Galaxy runs with ``GALAXY_ENV=production``, unless ``peers`` ({host: port of this machine}, whose certificates
    ``authority`` (PEM) signs) are given, which production refuses, or ``demo``: then it is a development one, and with
    ``demo`` filled as ``make run`` fills it. ``settings`` go over the environment of every process, servers included.

    ``env`` is what a web process or worker finds in its environment; ``operator_env`` opens the owner's role and the
    keys as well. ``headers`` are those that every request needs (the name, and https as a proxy would tell it).
    ``template`` is a folder in which what was prepared (``fill`` included) is kept: the first stack makes it, later
    ones begin with a copy. Its name should say what tables and what filling it has.
    """

    def __init__(
        self,
        folder: Path,
        *,
        web: int = 2,
        workers: int = 2,
        durable: bool = True,
        peers: Mapping[str, int] | None = None,
        authority: str = "",
        demo: bool = False,
        settings: Mapping[str, str] | None = None,
        template: Path | None = None,
    ):
        self.folder = Path(folder).resolve()
        self.is_production, self.is_demo = not (peers or demo), demo
        self._private(self.folder)
        self.template = template
        self.is_copied = template is not None and (template / "done").exists()
        if template and self.is_copied:
            for name in KEPT_IN_TEMPLATE:
                shutil.copytree(template / name, self.folder / name, dirs_exist_ok=True)
        self.logs = self._private(self.folder / "logs")
        ports = _free_ports(web)
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.headers = {"Host": "localhost"} | ({"X-Forwarded-Proto": "https"} if self.is_production else {})
        base = {name: os.environ[name] for name in KEPT if name in os.environ}
        base |= {"PYTHONPATH": str(ROOT)} | dict(settings or {})
        self.postgres = self._server("postgres", base, durable)
        self.valkey = self._server("valkey", base, durable)
        self.env = base | self._settings(peers or {}, authority) | dict(settings or {})
        self.operator_env = self.env | self._keys()
        self.parts: list[Part] = [self.postgres, self.valkey, *self._programs(ports, workers)]
        self._closing = threading.Event()
        self._keepers: list[threading.Thread] = []

    # --- its life ----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def open(self) -> None:
        """Start everything and wait until it is ready."""
        self.postgres.start()
        self.valkey.start()
        if not self.is_copied:
            self.prepare()
            if self.template:
                self._keep_as(self.template)
        for part in self.parts:
            part.start()
            keeper = threading.Thread(target=self._keep, args=(part,), name=f"keeper of {part.name}", daemon=True)
            keeper.start()
            self._keepers.append(keeper)
        self.wait_ready(timeout_s=START_TIMEOUT_S)

    def prepare(self) -> None:
        """What the job of a release does: ``manage.py prepare``. In a development stack that is filled with the demo
        only where it is asked for; else it has its tables and nothing more."""
        (self._own("prepare") / "fonts").mkdir(exist_ok=True)
        if self.is_production or self.is_demo:
            self.manage("prepare")
        else:
            self.program("-m", "proof.tables")
        self.fill()
        if self.is_production:
            self.manage("collectstatic", "--no-input", "--verbosity", "0")

    def fill(self) -> None:
        """Called once after the tables are made, for whoever wants more in them."""

    def _keep_as(self, template: Path) -> None:
        """A copy of what was prepared, whole or not there, for later stacks to begin with."""
        self.postgres.stop()
        draft = template.with_name(f"{template.name}.{os.getpid()}")
        for name in KEPT_IN_TEMPLATE:
            shutil.copytree(self.folder / name, draft / name, ignore=shutil.ignore_patterns("alive", "log", ".s.*"))
        (draft / "done").touch()
        with contextlib.suppress(OSError):  # somebody else was quicker
            draft.rename(template)
        shutil.rmtree(draft, ignore_errors=True)
        self.postgres.start()

    def program(self, *words: str) -> str:
        """A program of Python (``-m`` and its name), as an operator; returns what it printed. Raises OSError."""
        return self._run([sys.executable, *words], check=True)

    def manage(self, *words: str, check: bool = True, **more: str) -> str:
        """A management command, as an operator; returns what it printed. ``more`` goes over its environment. Raises
        OSError with its last words where it fails and ``check`` is not off."""
        return self._run([sys.executable, "manage.py", *words], check=check, **more)

    def _run(self, argv: list[str], *, check: bool, **more: str) -> str:
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env=self.operator_env | {"GALAXY_DATA_DIR": str(self._own("prepare"))} | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise OSError(f"{' '.join(argv[1:4])} failed: {done.stdout.strip()[-2000:]}")
        return done.stdout

    def close(self) -> None:
        """Stop everything, in the opposite order of its start. The folder stays."""
        self._closing.set()
        for keeper in self._keepers:
            keeper.join(timeout=30)
        for part in reversed(self.parts):
            try:
                part.stop()
            except OSError:  # one that cannot be asked, as on a disk that is full
                part.kill(ALL)

    # --- its parts ---------------------------------------------------------------------------------------------

    def part(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)

    def wait_ready(self, names: Iterable[str] | None = None, timeout_s: float = 120) -> None:
        """Wait until the parts ``names`` are ready, all of them where none is named. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        for part in self.parts:
            if names is None or part.name in set(names):
                part.wait_ready(max(0.1, deadline - time.monotonic()))

    def _keep(self, part: Part) -> None:
        """Start ``part`` again whenever it has died. What does not start is tried again, a second later."""
        while not self._closing.wait(LOOK_EVERY_S):
            if part.is_running():
                continue
            part.deaths += 1
            if self._closing.wait(RESTART_AFTER_S):
                return
            try:
                part.start()
            except OSError as error:
                with (self.logs / f"{part.name}.log").open("a", encoding="utf-8") as log:
                    log.write(f"{error}\n")
                self._closing.wait(1)

    def _server(self, name: str, base: Mapping[str, str], durable: bool) -> Server:
        return Server(name, self.folder / name, env=base, log=self.logs / f"{name}.log", durable=durable)

    def _settings(self, peers: Mapping[str, int], authority: str) -> dict[str, str]:
        queue = valkey.addresses(Places.of(self.valkey.root))
        found = {
            "DJANGO_SETTINGS_MODULE": "galaxy.settings",
            "GALAXY_ENV": "production" if self.is_production else "development",
            "SECRET_KEY": self._secret(self._private(self.folder / "keys") / "secret-key"),
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "DATABASE_URL": postgres.addresses(Places.of(self.postgres.root))["database_url"],
            "REDIS_URL": queue["redis_url"],
            "CELERY_BROKER_URL": queue["broker_url"],
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "GALAXY_URL": "https://localhost" if self.is_production else self.urls[0],
            "GALAXY_API_RATE": "1000000/min",  # what is measured is not the limit
            "GALAXY_EXPORTS_DIR": str(self._private(self.folder / "exports")),
            "GALAXY_CHECKPOINTS_DIR": str(self._private(self.folder / "checkpoints")),
            "SANDBOXD_SOCKET": str(Places.of(self._private(self.folder / "run")).sockets / "sandboxd.sock"),
            "STATIC_ROOT": str(self.folder / "static"),
            "LOG_LEVEL": "WARNING",
        }
        Places.of(self.folder / "run").make()
        if self.is_production:
            found |= {"BEHIND_PROXY": "true", "CSRF_TRUSTED_ORIGINS": "https://localhost"}
        if peers:
            (self.folder / "authority.pem").write_text(authority, encoding="ascii")
            found["GALAXY_LOOPBACK_PEERS"] = ",".join(f"{host}={port}" for host, port in peers.items())
            found["GALAXY_LOOPBACK_CA_FILE"] = str(self.folder / "authority.pem")
        return found

    @staticmethod
    def _secret(path: Path) -> str:
        if not path.exists():
            path.write_text(secrets.token_urlsafe(50), encoding="ascii")
            path.chmod(0o600)
        return path.read_text(encoding="ascii")

    def _keys(self) -> dict[str, str]:
        """Root keys and signing keys, each given to the one process that has to have it, and to operators."""
        folder = self._private(self.folder / "keys")
        make_key_file(folder / "root.json")
        for name in ("trail.json", "marketplace.json"):
            make_signing_keys(folder / name)
        return {
            "DATABASE_OWNER_URL": postgres.addresses(Places.of(self.postgres.root))["database_owner_url"],
            "GALAXY_KMS": f"local:{folder / 'root.json'}",
            "GALAXY_SIGNING_KEYS": str(folder / "trail.json"),
            "GALAXY_MARKETPLACE_KEYS": str(folder / "marketplace.json"),
        }

    def _programs(self, ports: Iterable[int], workers: int) -> list[Program]:
        celery = [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "galaxy"]
        beat = [*celery, "beat", "--loglevel", "WARNING", "--schedule", self._own("beat") / "schedule"]
        found = [
            self._program(
                "sandboxd", [sys.executable, "manage.py", "sandboxd"], "GALAXY_KMS", "GALAXY_MARKETPLACE_KEYS"
            ),
            self._program("sequencer", [sys.executable, "manage.py", "sequencer"], "GALAXY_SIGNING_KEYS"),
        ]
        for number in range(1, workers + 1):
            named = ["--hostname", f"worker-{number}@%h"]  # on hosts of their own they would be called apart anyhow
            found.append(self._program(f"worker-{number}", [*celery, "worker", "--loglevel", "WARNING", *named]))
        found.append(self._program("beat", beat))
        for number, port in enumerate(ports, 1):
            granian = [
                sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
                "--blocking-threads", str(THREADS), "--log-level", "error", "galaxy.wsgi:application",
            ]  # fmt: skip
            found.append(self._program(f"web-{number}", granian, port=port))
        return found

    def _program(self, name: str, argv: list, *keys: str, port: int | None = None) -> Program:
        env = self.env | {key: self.operator_env[key] for key in keys} | {"GALAXY_DATA_DIR": str(self._own(name))}
        alive = self._own(name) / "alive" / name.partition("-")[0]

        def ready(started_at: float) -> bool:
            if port is not None:
                return self.asks(port, "/readyz")[0] == 200
            if name == "sandboxd":
                return self._sandboxd_answers()
            return alive.exists() and alive.stat().st_mtime >= started_at

        return Program(name, argv, env=env, log=self.logs / f"{name}.log", ready=ready)

    def _sandboxd_answers(self) -> bool:
        try:
            ask("health", {}, seconds=CONNECT_S, path=Path(self.env["SANDBOXD_SOCKET"]))
        except DomainError:
            return False
        return True

    def asks(self, port: int, path: str) -> tuple[int, Any]:
        """(status, body) of a GET; (0, None) where nobody answers. A body that is JSON is read."""
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            link.request("GET", path, headers=self.headers)
            response = link.getresponse()
            body = response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return response.status, json.loads(body) if is_json else body
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            link.close()

    def _own(self, name: str) -> Path:
        """The data directory of one process; fonts are made once, and all see them."""
        folder = self._private(self._private(self.folder / "data") / name)
        fonts = folder / "fonts"
        if name != "prepare" and not fonts.is_symlink():
            fonts.symlink_to(self.folder / "data" / "prepare" / "fonts")
        return folder

    @staticmethod
    def _private(folder: Path) -> Path:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


def _free_ports(count: int) -> list[int]:
    """Asked for together, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
