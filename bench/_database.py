"""The database that a measurement works on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_left: list[str] = []  # what the last measurement of this process said its database holds


@contextmanager
def fresh_database(*, leaving: str = "", keeping: str = "") -> Iterator[bool]:
    """Django without its debugging, and a test database made anew. As that of the tests it is not dropped at the end,
    but nothing of this process holds on to it: the next measurement makes it anew, which PostgreSQL refuses while
    somebody is there. What is published in it is signed, as by an operator's command; nothing else would run.

    What one measurement leaves under a name the next one may keep; whether it could, is yielded.
    """
    kept = bool(keeping) and _left == [keeping]
    _left.clear()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    import django

    django.setup()
    from django.conf import settings
    from django.db import connections
    from django.test.utils import setup_databases

    from registry.signing import operator_keys
    from tests import template

    settings.DEBUG, settings.ALLOWED_HOSTS = False, ["testserver"]
    template.use()  # a copy, not every migration again: seventeen measurements take a minute less each
    setup_databases(verbosity=0, interactive=False, keepdb=kept)
    try:
        with operator_keys():
            yield kept
        _left[:] = [leaving] if leaving else []
    finally:
        connections.close_all()
        for connection in connections.all(initialized_only=True):
            connection.close_pool()  # where others of this process, such as threads, gave theirs back to
