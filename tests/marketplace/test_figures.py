"""The figures on a card (F100) are what SQL over the runs says, and there are none where too few ran."""

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from marketplace.figures import count_figures
from marketplace.models import Listing, PublicEntry
from marketplace.services import list_extension
from marketplace.tending import tend
from registry.services import install
from tests.extensions import publish
from tests.factories import make_user, make_workspace
from tests.sandbox.health.calls import CHECKED, connect, make_calls


@pytest.fixture
def houses(workspace, admin, other_workspace, stranger):
    """The connections of three workspaces that have it installed, and its listing."""
    version = publish(CHECKED)
    listing = list_extension(version, level="verified", summary="Beats.")
    owner = make_user("Third")
    found = []
    for house, person in (
        (workspace, admin),
        (other_workspace, stranger),
        (make_workspace("Harbour", {"owner": owner}), owner),
    ):
        with workspace_scope([house.pk]):
            found.append(connect(install(house, version.extension, version=version, actor=person)))
    return listing, found


def calls(houses, number, **fields):
    for one in houses:
        with workspace_scope([one.workspace_id]):
            make_calls(one, number, **fields)


def figures(listing):
    return Listing.objects.values_list("installs", "runs", "good", "auth_failed", "p95_ms").get(pk=listing.pk)


def card_text(client_of, person, workspace):
    return client_of(person).get(reverse("marketplace:listing-list", args=[workspace.slug])).content.decode()


def test_a_card_shows_what_sql_over_the_runs_says(client_of, workspace, member, houses):
    listing, connections = houses
    calls(connections, 20)
    calls(connections, 2, category="auth_error")
    calls(connections, 1, category="transient")
    calls(connections, 5, category="validation")  # the caller's own mistakes tell nothing of it
    calls(connections, 9, age=timedelta(days=40))  # before the window
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE counts_as = 'good') FROM sandbox_run WHERE workspace_id = %s"
            " AND counts_as IN ('good', 'bad') AND created_at > now() - interval '28 days'",
            [workspace.pk],
        )
        runs, good = cursor.fetchone()
    assert count_figures() == 1
    assert figures(listing) == (3, 3 * runs, 3 * good, 6, 100)
    page = card_text(client_of, member, workspace)
    assert "87 %" in page and "8.7 %" in page and "100 ms" in page and "69 calls in 28 days" in page
    assert count_figures() == 0  # the same again is no news
    assert PublicEntry.objects.get(pk=listing.pk).used == 1


def test_below_fifty_runs_nothing_is_told(client_of, workspace, member, houses):
    listing, connections = houses
    calls(connections, 16)
    count_figures()
    assert figures(listing)[1] == 48
    assert "Not enough runs yet" in card_text(client_of, member, workspace)


def test_what_fewer_than_three_workspaces_ran_is_nobodys_business(client_of, workspace, member, houses):
    listing, connections = houses
    calls(connections[:2], 60)
    count_figures()
    assert figures(listing) == (3, 0, 0, 0, None)
    assert "Not enough runs yet" in card_text(client_of, member, workspace)


def test_no_figure_of_a_card_is_one_workspaces(houses):
    """Three call it; what fails, fails for access, takes long or came last is of one of them, and stays its own."""
    listing, connections = houses
    calls(connections, 20, age=timedelta(days=3))
    calls(connections[:1], 30, category="auth_error")
    begun = timezone.now() - timedelta(days=2)
    calls(connections[1:2], 30, started_at=begun, finished_at=begun + timedelta(seconds=50))
    count_figures()
    assert figures(listing) == (3, 90, 90, 0, 100)
    assert timezone.now() - Listing.objects.get(pk=listing.pk).last_run_at > timedelta(days=2)
    calls(connections, 1, category="auth_error")
    calls(connections[2:], 5, category="transient")  # the difference of failures and those of access would be this
    count_figures()
    assert figures(listing) == (3, 128, 90, 0, 100)
    calls(connections[:2], 1, category="transient")
    count_figures()
    assert figures(listing) == (3, 130, 90, 33, 100)


def test_figures_of_seeds_are_left_alone(houses):
    listing, _ = houses
    Listing.objects.filter(pk=listing.pk).update(is_made_up=True, installs=900)
    count_figures()
    assert figures(listing)[0] == 900


def test_tending_writes_what_is_missing_and_lets_releases_age(workspace, houses):
    listing, _ = houses
    PublicEntry.objects.all().delete()
    listing.cards.all().delete()
    assert tend() == 2
    assert "=f:30" in PublicEntry.objects.get().tags
    tend(now=listing.version.published_at + timedelta(days=200))
    entry = PublicEntry.objects.get()
    assert ("=f:365" in entry.tags, "=f:30" in entry.tags, entry.fresh) == (True, False, 1)
    assert tend(now=listing.version.published_at + timedelta(days=200)) == 0
