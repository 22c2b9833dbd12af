"""Every GET as every role: answered as the table says, as page and as partial, and changing nothing.

The database is compared before and after. What may grow are view events of the audit trail (reading is an event) and
the book-keeping of sessions.
"""

import re
from collections import Counter
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, resolve

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from tests.matrix.routes import PEOPLE, routes
from tests.matrix.scene import BACKEND, committed
from tests.matrix.test_matrix import ROWS, address, check_headers

MAY_GROW = {"core_auditevent", "core_auditdetail", "django_session", "usersessions_usersession"}
LINK = re.compile(r'(?:href|hx-get)="(/[^"#]*)"')
ALIKE = 3  # links to one view, asked for the same things, that are followed for each person
TOLD_APART = {"tab", "show", "state", "kind"}  # what templates branch by
# What htmx is given is a part of the page that everybody below reads whole. So it is asked for as those who see most,
# least and nothing, and as somebody who is refused half of it.
BY_HTMX = ("anonymous", "stranger", "member", "owner")


@pytest.fixture(scope="module")
def house(django_db_setup, django_db_blocker, tmp_path_factory):
    """(cast, things), committed, since the hashes are read by another connection. One house for all of them: whoever
    reads leaves it as it was, or their test fails."""
    with django_db_blocker.unblock(), committed(tmp_path_factory.mktemp("vault")) as found:
        yield found


def fingerprint() -> dict[str, str]:
    """A hash over the rows of every table, read by the role that sees through every wall."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET ROLE galaxy_rollup")
        try:
            cursor.execute(
                "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
                " AND has_table_privilege(c.oid, 'SELECT')"
            )
            found = {}
            for (table,) in cursor.fetchall():
                if not any(table.startswith(name) for name in MAY_GROW):
                    cursor.execute(
                        f"SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM \"{table}\" t"
                    )
                    found[table] = cursor.fetchone()[0]
            return found
        finally:
            cursor.execute("RESET ROLE")


@pytest.fixture(scope="module")
def by_head() -> set[tuple[str, int]]:
    """(view, status) that HEAD was asked for as somebody. It runs the code of GET, where a view allows it at all, and
    tells roles apart by nothing else."""
    return set()


def crawl(client: Client, start: str, read: dict[str, HttpResponse], by_head: set[tuple[str, int]]) -> int:
    """Follow the links from ``start`` on, by GET alone, or from what was ``read`` there before; returns the number of
    pages. Of links to one view with the same parameters, which differ in the object or in what a filter says, ALIKE
    are followed, and as many for each tab, state and kind that an address names, by which templates branch."""
    seen, waiting, alike = set(), [start], Counter[tuple[str, frozenset[tuple[str, str]]]]()
    while waiting:
        url = waiting.pop(0)
        if url in seen or url.startswith(("/static/", "/account/logout")):
            continue
        if url not in read:
            parts = urlsplit(url)
            asked = parse_qsl(parts.query, keep_blank_values=True)
            kind = view_of(parts.path), frozenset((name, value if name in TOLD_APART else "") for name, value in asked)
            alike[kind] += 1
            if alike[kind] > ALIKE:
                continue
        seen.add(url)
        response = read.get(url) or client.get(url)
        assert response.status_code < 500, url
        view = getattr(response.resolver_match, "view_name", url), response.status_code
        if view not in by_head:
            by_head.add(view)
            assert client.head(url).status_code == response.status_code, url
        waiting += [unescape(link) for link in LINK.findall(response.content.decode())]
    return len(seen)


def view_of(path: str) -> str:
    try:
        return resolve(path).view_name
    except Resolver404:
        return path


@pytest.mark.asvs("3.5.3")
@pytest.mark.parametrize("person", PEOPLE)
def test_reading_is_answered_by_the_table_and_changes_nothing(person, house, by_head):
    """htmx gets the same answer as a person; where that is the log-in page, the whole browser is sent there, not the
    fragment."""
    cast, things = house
    client = Client()
    if person != "anonymous":
        client.force_login(cast[person], backend=BACKEND)
    before = fingerprint()
    assert "sandbox_run" in before
    both = workspace_scope([cast["meridian"].pk, cast["tidewater"].pk])
    with both:
        newest = AuditEvent.objects.order_by("-id").first().pk

    table = {row.route: row.answers[person] for row in ROWS if row.method == "GET"}
    read, found, as_partials = {}, {}, {}
    for route in sorted(routes()):
        url = address(route, things, "meridian")
        read[url] = client.get(url)
        found[route] = read[url].status_code
        check_headers(read[url], f"{person} {route}")
        if person not in BY_HTMX:
            continue
        partial = client.get(url, headers={"HX-Request": "true"})
        if person == "anonymous" and table[route] == 302 and route != "account_logout":
            assert partial["HX-Redirect"].startswith("/account/login/"), route
            assert partial.content == b"", route
        else:
            as_partials[route] = partial.status_code, partial.has_header("HX-Redirect")
    assert found == table
    assert as_partials == {route: (table[route], False) for route in as_partials}
    pages = crawl(client, "/w/meridian/" if person != "stranger" else "/w/tidewater/", read, by_head)
    assert pages >= (1 if person == "anonymous" else 10)

    assert fingerprint() == before
    with workspace_scope([cast["meridian"].pk, cast["tidewater"].pk]):
        written = set(AuditEvent.objects.filter(pk__gt=newest).values_list("action", flat=True))
    assert {action for action in written if not action.endswith(".viewed")} == set()
