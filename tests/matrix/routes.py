"""Every route of the URL configuration, and how a test asks for it."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

PEOPLE = ("owner", "admin", "approver", "creator", "auditor", "member", "stranger", "anonymous")
EXPECTED = Path(__file__).with_name("expected.txt")


@dataclass(frozen=True)
class Row:
    """One line of the table: the status codes of one method of one route, by person."""

    route: str
    method: str
    answers: dict[str, int]

    def __str__(self):
        return f"{self.method} {self.route}"


def table() -> list[Row]:
    rows = []
    for line in EXPECTED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            route, method, *answers = line.split()
            rows.append(Row(route, method, dict(zip(PEOPLE, map(int, answers), strict=True))))
    return rows


def routes() -> set[str]:
    """Names of every route there is, namespaces included."""
    return set(_names(get_resolver(), ""))


def routes_of_their_own(what: str, route: str, things: dict) -> Any:
    """What the module of a route (``*_routes.py``) says of it: ``what`` is place, body or query. {} where none does."""
    for module in _modules():
        if (says := getattr(module, what, None)) and (said := says(route, things)):
            return said
    return {}


@cache
def _modules() -> list[ModuleType]:
    names = sorted(file.stem for file in Path(__file__).parent.glob("*_routes.py"))
    return [import_module(f"tests.matrix.{name}") for name in (*names, "machines")]


def _names(resolver: URLResolver, namespace: str):
    for part in resolver.url_patterns:
        if isinstance(part, URLResolver):
            yield from _names(part, f"{namespace}{part.namespace}:" if part.namespace else namespace)
        elif isinstance(part, URLPattern):
            yield f"{namespace}{part.name}"
