"""A live server for rows that a module has committed, which counts what each of its answers asks of the database."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.signals import request_finished, request_started
from django.db import connection
from pytest_django.live_server_helper import LiveServer

PATIENCE_S = 10


class Ledger:
    """Statements by path, of whatever page the live server's threads answered while it was open."""

    def __init__(self) -> None:
        self._asked: dict[str, int] = {}
        self._here = threading.local()

    def statements(self, path: str) -> int:
        """Of the last answer under ``path``. It may come to its end a moment after the browser has all of it."""
        until = time.monotonic() + PATIENCE_S
        while path not in self._asked and time.monotonic() < until:
            time.sleep(0.005)
        return self._asked[path]

    @contextmanager
    def open(self) -> Iterator["Ledger"]:
        request_started.connect(self._begin)
        request_finished.connect(self._end)
        try:
            yield self
        finally:
            request_started.disconnect(self._begin)
            request_finished.disconnect(self._end)

    def _begin(self, sender, environ=None, **kwargs) -> None:
        environ = environ or {}
        is_part = "HTTP_HX_REQUEST" in environ  # such as a poll, under the address of its page
        self._here.path = "" if is_part else environ.get("PATH_INFO", "")
        self._here.count = 0
        self._asked.pop(self._here.path, None)
        if self._count not in connection.execute_wrappers:  # each thread has a connection of its own
            connection.execute_wrappers.append(self._count)

    def _count(self, execute, sql, params, many, context):
        self._here.count = getattr(self._here, "count", 0) + 1
        return execute(sql, params, many, context)

    def _end(self, sender, **kwargs) -> None:
        if path := getattr(self._here, "path", ""):
            self._asked[path] = self._here.count


@contextmanager
def serving() -> Iterator[tuple[str, Ledger]]:
    """(address, ledger). Unlike pytest-django's own it asks for no test whose tables are emptied afterwards."""
    server = LiveServer("localhost:0", start=False)
    server._live_server_modified_settings.enable()
    server.start()
    try:
        with Ledger().open() as ledger:
            yield server.url, ledger
    finally:
        server.stop()
        server._live_server_modified_settings.disable()
