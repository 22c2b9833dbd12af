"""What the application's role may do with the tables that the owner's role makes."""

from typing import Any

from django.db import connections

APP_ROLE = "galaxy_app"
ROLLUP_ROLE = "galaxy_rollup"


def grant_to_app(using: str, **kwargs: Any) -> None:
    """Before migrating: every table made from now on can be read and written by the application (and no more).

    Walls and append-only tables take back what they must in their own migration operations.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}, {ROLLUP_ROLE}")
        cursor.execute(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP_ROLE}"
        )
        cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {APP_ROLE}")
        cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {ROLLUP_ROLE}")


def keep_record_of_migrations(using: str, **kwargs) -> None:
    """After migrating: the application may not tell the owner that a migration never ran, and so run it again."""
    with connections[using].cursor() as cursor:
        cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {APP_ROLE}")


def as_its_owner(*functions: str) -> list[str]:
    """Statements that replace functions which look across the walls: only their owner may."""
    return [
        f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
        f"SET ROLE {ROLLUP_ROLE}",
        *functions,
        "RESET ROLE",
        f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
    ]


def make_partitions(using: str, **kwargs: Any) -> None:
    """After migrating: this month's partitions and the coming ones, so that a long pause never leaves a gap."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regproc('galaxy_make_partitions') IS NOT NULL")
        if cursor.fetchone()[0]:
            cursor.execute("SELECT galaxy_make_partitions()")
