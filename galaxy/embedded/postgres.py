"""The embedded PostgreSQL: cluster, server, roles.

Local connections need no password (``trust``): the socket lies in a directory of mode 0700, so only the user who
could read the data files anyway can reach it. The two roles guard against mistakes here, as they do in production.
"""

import os
import re
import shlex
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from .errors import EmbeddedError
from .locks import hold, is_held, wait_until_free
from .paths import Places, private_dir
from .programs import Postgres, find_postgres, guise

ROLES_SQL = Path(__file__).with_name("roles.sql")
SOCKET_NAME = ".s.PGSQL.5432"
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 30

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For data that nobody will miss (tests): a crash of the machine may ruin it, a crash of the server does not.
FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


def addresses(places: Places) -> dict[str, str]:
    """The URLs of this database for the application and for its owner, as dj-database-url and libpq read them."""
    host = quote(str(_socket_dir(places)))
    return {
        "database_url": f"postgresql://galaxy_app@/galaxy?host={host}",
        "database_owner_url": f"postgresql://galaxy_owner@/galaxy?host={host}",
    }


def is_ready(places: Places) -> bool:
    """True when galaxy_app can log in, which is the last thing that roles.sql brings about."""
    return _can_log_in(places, "galaxy_app", "galaxy")


def start(places: Places, *, fast: bool) -> None:
    """Make the cluster, start its server and run roles.sql: whatever of it is missing.

    The caller holds the lock of the root. Raises EmbeddedError.
    """
    if guise().owner != os.geteuid():
        _let_through(places)
    private_dir(_home(places), owner=guise().owner)
    private_dir(_socket_dir(places), owner=guise().owner)
    started = False
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _can_log_in(places, "postgres", "postgres"):
        # A held lock is a server that starts or recovers, or the last children of one that was killed.
        if not started and not is_held(_alive(places)):
            _launch(places, fast=fast)
            started = True
        elif time.monotonic() > deadline:
            raise EmbeddedError(f"PostgreSQL does not answer after {START_TIMEOUT_S} s; its log is {_log(places)}.")
        else:
            time.sleep(0.02)
    _run_script(ROLES_SQL.read_text(encoding="utf-8"), str(_socket_dir(places)))


def stop(places: Places) -> bool:
    """Stop the server, ending open sessions; False when none runs. Raises EmbeddedError when it stays."""
    if not is_held(_alive(places)):
        return False
    postgres = find_postgres(_major_of(places))
    # The lock is held, so the pid that pg_ctl reads from postmaster.pid is the server's and nobody else's.
    _run(postgres, places, "pg_ctl", "stop", "-s", "-w", "-m", "fast", "-t", str(STOP_TIMEOUT_S), "-D", "data")
    if not wait_until_free(_alive(places), timeout_s=5):
        raise EmbeddedError(f"PostgreSQL did not stop within {STOP_TIMEOUT_S} s; its log is {_log(places)}.")
    return True


def _make_cluster(postgres: Postgres, places: Places, *, fast: bool) -> None:
    """Run initdb beside the final place and rename, so that a killed set-up leaves nothing half-made behind."""
    draft = _home(places) / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", *_locale(postgres)]
    done = _run(postgres, places, "initdb", "-D", draft.name, *options, *(["--no-sync"] if fast else []))
    if done.returncode:
        raise EmbeddedError(f"PostgreSQL could not make its files: {_last_line(done.stderr)}")
    draft.rename(_home(places) / "data")


def _locale(postgres: Postgres) -> list[str]:
    """Unicode upper and lower case, and sorting by code point, alike on every machine."""
    if postgres.major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C", "--lc-ctype=" + ("UTF-8" if os.uname().sysname == "Darwin" else "C.UTF-8")]


def _let_through(places: Places) -> None:
    """Open the way, and no more than the way, to the directories that a server with another uid has for itself."""
    for folder in {places.root, places.sockets}:
        folder.chmod(0o711)
        if subprocess.run([*guise().prefix, "test", "-x", folder], check=False).returncode:
            raise EmbeddedError(
                f"PostgreSQL refuses to run as root, so it runs as uid {guise().owner}, who cannot reach {folder}: "
                "set GALAXY_DATA_DIR to a directory that everybody may pass through, such as /var/lib/galaxy."
            )


def _launch(places: Places, *, fast: bool) -> None:
    postgres = find_postgres(_major_of(places))
    if not (_home(places) / "data").exists():
        _make_cluster(postgres, places, fast=fast)
    # Nothing holds the lock, so these name dead processes. PostgreSQL takes a zombie or a reused pid for a live server.
    (_home(places) / "data" / "postmaster.pid").unlink(missing_ok=True)
    (_socket_dir(places) / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
    # This setting is a list of directories; quotes keep a path with a space in one piece.
    quoted = str(_socket_dir(places)).replace('"', '""')
    settings = SETTINGS | (FAST_SETTINGS if fast else {}) | {"unix_socket_directories": f'"{quoted}"'}
    options = shlex.join(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
    log = _log(places)
    before = log.stat().st_size if log.exists() else 0
    with hold(_alive(places)) as alive:
        words = ["start", "-s", "-w", "-t", str(START_TIMEOUT_S), "-D", "data", "-l", "log", "-o", options]
        done = _run(postgres, places, "pg_ctl", *words, keep=alive)
    if done.returncode:
        said = log.read_bytes()[before:].decode(errors="replace") if log.exists() else ""
        raise EmbeddedError(f"PostgreSQL did not start: {_last_line(said)} (log: {log})")


def _run(
    postgres: Postgres, places: Places, program: str, *words: str, keep: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs in its home, not as root; ``keep`` is a file descriptor that it inherits.

    Paths in ``words`` are relative to that home: pg_ctl puts them into a shell command between plain double quotes,
    which some characters of a longer path would break.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return subprocess.run(
        [*guise().prefix, str(postgres.programs / program), *words],
        env=environment | {"LC_ALL": "C"},
        cwd=_home(places),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # A server would inherit the pipe, and reading it would wait for the server's end.
        stderr=subprocess.PIPE if keep is None else subprocess.DEVNULL,
        text=True,
        pass_fds=[] if keep is None else [keep],
        check=False,
    )


def _can_log_in(places: Places, user: str, database: str) -> bool:
    """Ask with the first messages of the wire protocol (PostgreSQL manual, "Start-up"): importing psycopg takes far
    longer than this question, and most calls of ``ensure`` ask nothing else."""
    words = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database)) + b"\0"
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(5)
            link.connect(str(_socket_dir(places) / SOCKET_NAME))
            link.sendall(struct.pack("!ii", 8 + len(words), 0x30000) + words)
            answer = link.makefile("rb")
            while head := answer.read(5):
                kind, length = struct.unpack("!ci", head)
                answer.read(length - 4)
                if kind in (b"Z", b"E"):  # ReadyForQuery, ErrorResponse
                    link.sendall(b"X\0\0\0\x04")  # Terminate
                    return kind == b"Z"
    except (OSError, struct.error):
        pass
    return False


def _run_script(script: str, host: str) -> None:
    """Run SQL with the two psql commands that roles.sql uses: ``\\connect NAME``, and ``\\gexec``, which runs as SQL
    what the query before it returned."""
    import psycopg  # here, because a server that is up needs none of this

    database = "postgres"
    for part in re.split(r"^(?=\\connect )", script, flags=re.MULTILINE):
        if part.startswith("\\connect "):
            first, _, part = part.partition("\n")
            database = first.split()[1]
        with psycopg.connect(host=host, user="postgres", dbname=database, autocommit=True) as connection:
            *queries, rest = part.split("\\gexec")
            for query in queries:
                cursor = connection.execute(query.encode())
                while cursor.nextset():
                    pass
                for (statement,) in cursor.fetchall():
                    connection.execute(statement)
            connection.execute(rest.encode())


def _major_of(places: Places) -> int | None:
    """The version that made the data; None while there is none."""
    try:
        return int((_home(places) / "data" / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def _last_line(text: str) -> str:
    """The line that says why: PostgreSQL's last FATAL or error, else simply the last."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error:" in line]
    return (telling or lines or ["it gave no reason"])[-1]


def _home(places: Places) -> Path:
    return places.root / "postgres"


def _log(places: Places) -> Path:
    return _home(places) / "log"


def _alive(places: Places) -> Path:
    return _home(places) / "alive"


def _socket_dir(places: Places) -> Path:
    return places.sockets / "postgres"
