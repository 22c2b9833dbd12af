"""What roles.sql promises, asked of a real server."""

import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from galaxy import embedded
from galaxy.embedded.postgres import ROLES_SQL


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    root = tmp_path_factory.mktemp("roles") / "data"
    yield embedded.ensure(root, ["postgres"], fast=True)
    embedded.stop(root)


@pytest.fixture
def app(servers):
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def owner(servers):
    with psycopg.connect(servers.database_owner_url, autocommit=True) as connection:
        yield connection


@pytest.mark.asvs("13.2.2")
def test_no_role_is_a_superuser_or_passes_row_level_security(owner):
    rows = owner.execute(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin FROM pg_roles "
        "WHERE rolname LIKE 'galaxy%' ORDER BY rolname"
    ).fetchall()
    assert rows == [
        ("galaxy_app", False, False, False, False, True),
        ("galaxy_owner", False, False, False, True, True),
        ("galaxy_rollup", False, False, False, False, False),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE DATABASE mine",
        "CREATE EXTENSION pg_trgm",
        "CREATE TEMPORARY TABLE mine (id int)",
        "SET ROLE galaxy_owner",
        "SET ROLE galaxy_rollup",
    ],
)
def test_the_application_makes_nothing_and_becomes_nobody(app, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(statement)


@pytest.mark.asvs("13.2.6", "15.4.3")
def test_the_application_cannot_hang_for_ever(app):
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    assert [app.execute(f"SHOW {name}").fetchone()[0] for name in names] == ["30s", "5s", "1min"]


def test_the_owner_makes_extensions_tables_and_test_databases(owner, servers):
    owner.execute("CREATE EXTENSION btree_gist")
    owner.execute("CREATE EXTENSION pg_trgm")
    owner.execute("CREATE DATABASE test_some")
    with psycopg.connect(servers.database_owner_url, dbname="test_some", autocommit=True) as there:
        there.execute("CREATE EXTENSION btree_gist")
        there.execute("CREATE TABLE note (id int)")
        there.execute("GRANT SELECT ON note TO galaxy_app")
    with psycopg.connect(servers.database_url, dbname="test_some", autocommit=True) as there:
        assert there.execute("SELECT count(*) FROM note").fetchone() == (0,)
    owner.execute("DROP DATABASE test_some")


def test_the_owner_gains_the_rollup_only_by_stepping_into_it(owner):
    owner.execute("CREATE SCHEMA kpi")
    owner.execute("GRANT USAGE, CREATE ON SCHEMA kpi TO galaxy_rollup")
    owner.execute("SET ROLE galaxy_rollup")
    owner.execute("CREATE TABLE kpi.total (id int)")
    owner.execute("RESET ROLE")
    if owner.info.server_version < 160000:
        pytest.skip("before PostgreSQL 16 membership always inherits; the walls test current_user instead")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("SELECT * FROM kpi.total")


def test_strangers_may_not_even_connect(owner):
    (public,) = owner.execute(
        "SELECT count(*) FROM pg_database, aclexplode(datacl) WHERE datname = 'galaxy' AND grantee = 0"
    ).fetchone()
    assert public == 0


def test_psql_runs_the_same_file_any_number_of_times(servers):
    if not (psql := shutil.which("psql")):
        pytest.skip("psql is not installed")
    host = conninfo_to_dict(servers.database_url)["host"]
    for _ in range(2):
        done = subprocess.run(
            [
                psql,
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                host,
                "-U",
                "postgres",
                "-d",
                "postgres",
                "-f",
                ROLES_SQL,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_a_server_made_by_a_killed_setup_is_finished_by_the_next(servers):
    """galaxy_app may log in only once everything before that is done; so a log-in proves the rest."""
    host = Path(conninfo_to_dict(servers.database_url)["host"])
    with psycopg.connect(host=str(host), user="postgres", dbname="postgres", autocommit=True) as superuser:
        superuser.execute("ALTER ROLE galaxy_app NOLOGIN")
        superuser.execute("ALTER ROLE galaxy_app RESET statement_timeout")
    embedded.ensure(host.parent, ["postgres"])
    with psycopg.connect(servers.database_url) as app:
        assert app.execute("SHOW statement_timeout").fetchone() == ("30s",)
