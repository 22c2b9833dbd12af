"""No GET changes anything: every page and partial is read as every role, and the database compared before and after.

What may grow are view events of the audit trail (reading is an event) and the book-keeping of sessions.
"""

import re
from html import unescape

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from tests.matrix.routes import routes
from tests.matrix.scene import things  # noqa: F401  (a fixture)
from tests.matrix.test_matrix import PEOPLE, address

MAY_GROW = {"core_auditevent", "core_auditdetail", "django_session", "usersessions_usersession"}
LINK = re.compile(r'(?:href|hx-get)="(/[^"#]*)"')
MOST_PAGES = 400


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


def crawl(client: Client, start: str, read: dict[str, HttpResponse]) -> int:
    """Follow every link from ``start`` on, by GET alone, or from what was ``read`` there before; returns the number of
    pages."""
    seen, waiting = set(), [start]
    while waiting and len(seen) < MOST_PAGES:
        url = waiting.pop(0)
        if url in seen or url.startswith(("/static/", "/account/logout")):
            continue
        seen.add(url)
        response = read.get(url) or client.get(url)
        assert response.status_code < 500, url
        assert client.head(url).status_code == response.status_code, url
        waiting += [unescape(link) for link in LINK.findall(response.content.decode())]
    return len(seen)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize("person", PEOPLE)
def test_reading_changes_nothing(person, cast, workspace, things):  # noqa: F811  (the fixture, asked for)
    client = Client()
    if person != "anonymous":
        client.force_login(cast[person], backend="allauth.account.auth_backends.AuthenticationBackend")
    before = fingerprint()
    assert "sandbox_run" in before
    both = workspace_scope([cast["meridian"].pk, cast["tidewater"].pk])
    with both:
        newest = AuditEvent.objects.order_by("-id").first().pk

    read = {}
    for route in sorted(routes()):
        url = address(route, things, "meridian")
        read[url] = client.get(url)
        for response in (read[url], client.get(url, headers={"HX-Request": "true"})):
            assert response.status_code < 500, url
    pages = crawl(client, "/w/meridian/" if person != "stranger" else "/w/tidewater/", read)
    assert pages >= (1 if person == "anonymous" else 10)

    assert fingerprint() == before
    with workspace_scope([cast["meridian"].pk, cast["tidewater"].pk]):
        written = set(AuditEvent.objects.filter(pk__gt=newest).values_list("action", flat=True))
    assert {action for action in written if not action.endswith(".viewed")} == set()
