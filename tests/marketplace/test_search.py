"""Finding extensions: words, facets, order, and a page that works with and without htmx."""

import html
import re

import pytest
from allauth.usersessions.models import UserSession
from django.urls import reverse

from galaxy.core.models import RoleGroup
from galaxy.core.permissions import revoke
from marketplace.models import Listing
from marketplace.services import list_extension
from registry.services import install
from tests.playhouse import staged
from tests.registry.samples import action, connector, pack, publish, transform


def offer(manifest, level="verified", publisher="Orbit Works"):
    version = publish(manifest, publisher=publisher)
    return list_extension(version, level=level, summary=manifest.summary)


@pytest.fixture
def url(workspace):
    return reverse("marketplace:listing-list", args=[workspace.slug])


@pytest.fixture
@staged
def catalogue(workspace):
    """Four listings: a connector that deletes, one that reads, a transform and a pack."""
    crm = connector(
        "acme",
        "1.0.0",
        action("create_thing", summary="Puts a thing on the shelf."),
        action("delete_thing", "things.delete", "DELETE"),
        name="Acme CRM",
        summary="Keeps customers.",
    )
    reader = connector("google-mail", "1.0.0", action("list_mail", "mail.read", "GET"), name="Zeta Mail")
    return {
        "acme": offer(crm, "enterprise"),
        "google-mail": offer(reader, "community", publisher="Paper Lantern"),
        "things.clean": offer(transform(name="Clean things")),
        "things.keep": offer(pack()),
    }


def slugs(response):
    return [card.hit.slug for card in response.context["cards"]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("acme", ["acme"]),
        ("ACM", ["acme"]),
        ("crm acm", ["acme"]),
        ("customer", ["acme"]),
        ("keeping", ["acme", "google-mail", "things.keep"]),
        ("shelf", ["acme"]),
        ("delete_thing", ["acme"]),
        ("google", ["google-mail"]),
        ("google-mail", ["google-mail"]),
        ("clean", ["things.clean"]),
        ("things.clean", ["things.clean"]),
        ("lantern", ["google-mail"]),
        ("acme mail", []),
    ],
)
def test_words_and_their_beginnings_find_by_name_action_summary_and_publisher(
    client_of, member, url, catalogue, words, found
):
    assert sorted(slugs(client_of(member).get(url, {"q": words}))) == found


def test_a_name_weighs_more_than_an_action(client_of, member, url, catalogue):
    offer(connector("shelf", name="Shelf", summary="Boards."))
    assert slugs(client_of(member).get(url, {"q": "shelf"})) == ["shelf", "acme"]


@pytest.mark.parametrize(
    "words", ["x" * 10_240, "'", "\\", "!!", "<->", "🦊", "ß İ", "' OR 1=1 --", "(((", "acme' | 'b"]
)
def test_any_text_is_a_search_that_may_find_nothing(client_of, member, url, catalogue, words):
    page = client_of(member).get(url, {"q": words})
    assert (page.status_code, slugs(page)) == (200, [])


@pytest.mark.parametrize(
    ("words", "found"), [("acm:*", 1), ("acme & !crm", 1), ("!acme", 1), ("shelf🦊", 1), ("\x00", 4)]
)
def test_signs_between_words_mean_nothing(client_of, member, url, catalogue, words, found):
    assert len(slugs(client_of(member).get(url, {"q": words}))) == found


def test_facets_narrow_and_their_counts_say_what_each_choice_would_give(client_of, member, url, catalogue):
    page = client_of(member).get(url, {"kind": ["connector"]})
    assert sorted(slugs(page)) == ["acme", "google-mail"]
    counts = {option.id: option.count.number for facet, _ in page.context["facets"] for option in facet.options}
    # Kinds are counted as if none were chosen, the other facets among connectors.
    assert (counts["kind-connector"], counts["kind-transform"], counts["kind-pack"]) == (2, 1, 1)
    assert (counts["level-enterprise"], counts["level-verified"], counts["level-community"]) == (1, 0, 1)
    assert [counts[f"reach-{reach}"] for reach in range(4)] == [0, 1, 1, 2]
    assert (counts["state-installed"], counts["state-available"]) == (0, 2)


@pytest.mark.parametrize(("reach", "found"), [("0", 1), ("1", 2), ("2", 3), ("3", 4), ("9", 4), ("x", 4)])
def test_reach_is_an_upper_bound(client_of, member, url, catalogue, reach, found):
    assert len(slugs(client_of(member).get(url, {"reach": reach}))) == found


def test_a_pack_asks_for_what_its_steps_call(catalogue):
    assert (catalogue["things.keep"].scopes, catalogue["things.keep"].reach) == (["things.write"], 2)


def test_installed_is_a_state_and_each_card_knows_its_own(client_of, workspace, member, admin, url, catalogue):
    version = catalogue["acme"].version
    installation = install(workspace, version.extension, version=version, actor=admin)
    client = client_of(member)
    page = client.get(url, {"state": "installed"})
    assert slugs(page) == ["acme"]
    assert page.context["cards"][0].hit.installation_id == installation.pk
    assert len(slugs(client.get(url, {"state": "available"}))) == 3
    assert len(slugs(client.get(url, {"state": ["installed", "available"]}))) == 4


def test_a_packs_card_says_what_it_requires(client_of, member, url, catalogue):
    assert "Requires <b>Acme CRM</b>" in client_of(member).get(url, {"kind": "pack"}).content.decode()


def test_orders(client_of, member, url, catalogue):
    client = client_of(member)
    assert slugs(client.get(url, {"sort": "name"})) == ["acme", "things.clean", "things.keep", "google-mail"]
    assert slugs(client.get(url, {"sort": "reach"})) == ["things.clean", "google-mail", "things.keep", "acme"]
    assert slugs(client.get(url, {"sort": "newest"})) == ["things.keep", "things.clean", "google-mail", "acme"]


def test_htmx_gets_results_with_counts_and_a_word_for_screen_readers(as_htmx, client_of, member, url, catalogue):
    answer = as_htmx(member).get(url, {"q": "acme"})
    text = answer.content.decode()
    assert text.lstrip().startswith('<div class="stack" id="results">')
    assert '<span class="n" id="n-kind-connector" hx-swap-oob="true">1</span>' in text
    assert "1 extension." in text
    assert "<title>" not in text
    page = client_of(member).get(url, {"q": "acme"})
    assert "HX-Request" in answer["Vary"] and "HX-Request" in page["Vary"]
    assert "<title>" in page.content.decode()


def test_without_script_one_form_carries_words_facets_and_order(client_of, member, url, catalogue):
    text = client_of(member).get(url, {"q": "acme", "kind": "connector", "sort": "name"}).content.decode()
    assert text.count('<form class="market" method="get"') == 1
    assert 'value="acme"' in text
    assert 'value="connector" checked' in text
    assert '<option value="name" selected>' in text
    assert '<button class="btn" type="submit">Search</button>' in text


def test_empty_states(client_of, workspace, member, url):
    client = client_of(member)
    assert "The marketplace is empty" in client.get(url).content.decode()
    text = client.get(url, {"q": "<b>zzz</b>"}).content.decode()
    assert "No extension matches “&lt;b&gt;zzz&lt;/b&gt;”" in text
    assert "Clear search and filters" in text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"q": "zzz"}, "No extension matches “zzz”. Fewer or other words find more."),
        ({"q": "zzz", "kind": "pack"}, "No extension matches “zzz” under these filters."),
        ({"kind": "trigger"}, "No extension has all of that. Fewer filters find more."),
    ],
)
def test_an_empty_answer_names_what_was_set(client_of, member, url, catalogue, query, words):
    assert words in client_of(member).get(url, query).content.decode()


def test_pages_of_24_keep_the_search(client_of, member, url, workspace):
    for number in range(25):
        offer(connector(f"c{number}", "1.0.0", action(f"do_{number}"), name=f"Kept {number:02d}"))
    client = client_of(member)
    first = client.get(url, {"q": "kept", "sort": "name"})
    assert len(slugs(first)) == 24
    assert "q=kept" in first.content.decode()
    on = re.search(r'rel="next" href="([^"]+)"', first.content.decode())[1]
    second = client.get(html.unescape(url + on))
    assert slugs(second) == ["c24"]
    back = re.search(r'rel="prev" href="([^"]+)"', second.content.decode())[1]
    assert slugs(client.get(html.unescape(url + back))) == slugs(first)


def test_the_page_takes_four_statements_and_its_partial_three(
    client_of, as_htmx, workspace, admin, url, catalogue, django_assert_num_queries
):
    clients = [client_of(admin), as_htmx(admin)]
    for client in clients:  # as signing in does it, for the list that people see of their sessions
        UserSession.objects.create(
            user=admin, ip="127.0.0.1", user_agent="test", session_key=client.session.session_key
        )
        client.get(url)
    for more in (0, 40):
        for number in range(more):
            listing = offer(connector(f"c{number}", "1.0.0", action(f"do_{number}")))
            if number % 2:
                install(workspace, listing.extension, version=listing.version, actor=admin)
        clients[0].get(url, {"kind": "connector"})  # how each fares is read once, and kept for a moment
        for client, number in zip(clients, (4, 3), strict=True):
            with django_assert_num_queries(number):
                page = client.get(url, {"kind": "connector"})
    assert len(page.context["cards"]) == 24


def test_browsing_needs_its_permission(client_of, workspace, member, url, catalogue):
    group = RoleGroup.objects.get(workspace=workspace, role="member").group
    revoke("core.view_listing", group, workspace)
    client = client_of(member)
    assert client.get(url).status_code == 403
    for name in ("listing-detail", "listing-install"):
        assert client.get(reverse(f"marketplace:{name}", args=[workspace.slug, "acme"])).status_code == 403
    # Nor does any other page lead there.
    installed = client.get(reverse("registry:installation-list", args=[workspace.slug]))
    assert f'href="{url}"' not in installed.content.decode()


def test_another_workspaces_address_is_not_found(client_of, member, other_workspace, catalogue):
    assert client_of(member).get(reverse("marketplace:listing-list", args=[other_workspace.slug])).status_code == 404


def test_a_newer_release_takes_the_listing_and_an_older_one_does_not(workspace, catalogue):
    newer = publish(connector("google-mail", "2.0.0", action("send_mail", "mail.write")), publisher="Paper Lantern")
    older = publish(connector("google-mail", "0.9.0"), publisher="Paper Lantern")
    list_extension(newer, level="verified", summary="Newer.")
    list_extension(older, level="community", summary="Older.")
    listing = Listing.objects.get(extension__slug="google-mail")
    assert (listing.version, listing.level, listing.summary, listing.reach) == (newer, "verified", "Newer.", 2)
