"""What time it is, by the one clock that every host shares."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """The time by PostgreSQL's clock, at this moment and not at the beginning of the transaction.

    Whether an approval is over is asked of it and never of a host: a web process whose clock is an hour slow would
    otherwise take a yes, or use one, an hour after its end; one that is fast would end what still has time.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
