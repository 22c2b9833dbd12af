"""Typos, prefixes, quotes and pages of a search."""

import re
from html import unescape

import pytest
from django.urls import reverse

from marketplace.search.engine import Search, search
from marketplace.search.places import Place, read_place
from marketplace.search.typos import distance, shortened
from marketplace.services import list_extension
from registry.models import Extension
from registry.services.publishing import _store
from tests.registry.samples import action, connector, publish


def offer(slug, name, summary="Keeps things."):
    version = publish(connector(slug, "1.0.0", action(f"do_{slug.replace('-', '_')}"), name=name, summary=summary))
    return list_extension(version, level="verified", summary=summary)


@pytest.fixture
def find(workspace, admin):
    return lambda text, **more: search(Search(q=text, **more), workspace=workspace, user=admin)


def slugs(found):
    return [hit.slug for hit in found.hits]


@pytest.mark.parametrize("typo", ["hubsptot", "hubspt", "hubsopt", "jubspot", "hubpsot", "hhubspot"])
def test_a_typo_is_understood_and_said(find, workspace, typo):
    offer("hubspot", "HubSpot")
    found = find(typo)
    assert (slugs(found), found.meant) == (["hubspot"], "hubspot")
    assert slugs(find(typo, as_typed=True)) == []


def test_the_page_offers_what_was_typed(client_of, workspace, member):
    offer("hubspot", "HubSpot")
    url = reverse("marketplace:listing-list", args=[workspace.slug])
    page = client_of(member).get(url, {"q": "hubsptot"}).content.decode()
    assert "Showing results for <b>hubspot</b>" in page
    instead = re.search(r'<a href="([^"]+)">Search for hubsptot instead', page)[1]
    assert "No extension matches “hubsptot”" in client_of(member).get(unescape(url + instead)).content.decode()


def test_a_word_that_begins_one_is_no_typo(find, workspace):
    offer("hubspot", "HubSpot")
    assert (slugs(find("hub")), find("hub").meant) == (["hubspot"], "")


def test_quotes_keep_words_together(find, workspace):
    offer("a-one", "Alpha", "Sends the monthly report.")
    offer("b-one", "Beta", "Reports what is sent monthly.")
    assert sorted(slugs(find("monthly report"))) == ["a-one", "b-one"]
    assert slugs(find('"monthly report"')) == ["a-one"]


@pytest.mark.parametrize(
    ("one", "other", "typos"),
    [
        ("hubspot", "hubspot", 0),
        ("hubsopt", "hubspot", 1),
        ("hubspt", "hubspot", 1),
        ("lerd", "lead", 1),
    ],
)
def test_typos_are_counted_and_leave_something_in_common(one, other, typos):
    assert distance(one, other, 2) == typos
    assert set(shortened(one)) & set(shortened(other))


@pytest.mark.parametrize("order", ["best", "name", "newest", "used", "reach"])
def test_pages_go_on_and_back_in_every_order_while_listings_come(find, workspace, order):
    for at in range(30):
        offer(f"kept-{at:02}", f"Kept {at:02}")
    first = find("kept", sort=order)
    offer("kept-new", "Kept aa")  # somewhere on the first page or the last
    second = find("kept", sort=order, place=first.next)
    assert len(first.hits) == 24 and not first.previous
    assert len(set(slugs(first)) & set(slugs(second))) == 0
    assert set(slugs(first)) | set(slugs(second)) >= {f"kept-{at:02}" for at in range(30)}
    back = find("kept", sort=order, place=second.previous)
    assert len(set(slugs(back)) & set(slugs(first))) >= 23
    assert not second.next


@pytest.mark.parametrize(
    "text", ["", "x", "a" * 10_000, "W10", "bnVsbA", "WyJ4IiwiIiwiIiwwLDEsMCxbXV0", "eyJhIjoxfQ", "\x00"]
)
@pytest.mark.parametrize("order", ["best", "newest"])
def test_a_place_that_is_none_is_the_start(text, order):
    assert read_place(text, order).id is None
    assert Place().is_start


def test_what_one_workspace_has_for_itself_is_found_there_alone(find, workspace, other_workspace, cast, admin):
    from galaxy.core.scope import workspace_scope
    from marketplace.models import PublicEntry, Word

    manifest = connector("zebra-desk", "1.0.0", action("do_zebra"), name="Zebra desk")
    extension = Extension(kind="connector", slug="zebra-desk", workspace=workspace, publisher="Meridian")
    version = _store(extension, manifest, {}, None, "")
    listing = list_extension(version, level="community", summary="Only here.")
    offer("zeppelin", "Zeppelin")
    assert slugs(find("zebra")) == ["zebra-desk"]
    assert "zebra-desk" in slugs(find("")) and find("").total.number == 2
    assert find("", filters={"kind": ("connector",)}).counts["kind", "connector"].number == 2
    assert not PublicEntry.objects.filter(listing=listing).exists()
    assert not Word.objects.filter(word="zebra").exists()  # no correction tells of it
    with workspace_scope([other_workspace.pk]):
        stranger = cast["stranger"]
        elsewhere = search(Search(q="zebra"), workspace=other_workspace, user=stranger)
        assert (slugs(elsewhere), elsewhere.meant) == ([], "")
        assert search(Search(), workspace=other_workspace, user=stranger).total.number == 1
