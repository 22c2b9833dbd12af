"""Cards: written when a listing changes, filled for each workspace, and never a way for markup of others."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace.cards import health
from marketplace.cards.writing import for_cards, parts_of, write_cards
from marketplace.models import Card, Listing
from marketplace.services import list_extension
from registry.models import Connection, Version
from registry.services import install
from tests.registry.samples import action, connector, manifest_of, pack, publish

HOSTILE = '"><script>alert(1)</script>{{ slot.home }}'


def offer(manifest, **more):
    return list_extension(publish(manifest, **more), level="verified", summary=manifest.summary)


@pytest.fixture
def url(workspace):
    return reverse("marketplace:listing-list", args=[workspace.slug])


def test_a_card_is_written_with_its_listing_and_only_anew_where_something_changed(workspace, settings):
    listing = offer(connector("acme", name="Acme"))
    card = Card.objects.get(listing=listing)
    assert write_cards(for_cards(Listing.objects.all())) == 0
    Listing.objects.filter(pk=listing.pk).update(installs=7)
    assert write_cards(for_cards(Listing.objects.all())) == 1
    assert "7 workspaces" in "".join(Card.objects.get(pk=card.pk).parts)


def test_hostile_names_stay_words_in_every_part(client_of, workspace, member, url):
    manifest = manifest_of(
        f"connector: evil\nversion: 1.0.0\nname: '{HOSTILE}'\nsummary: '{HOSTILE}'\nauth: {{ type: api_key }}\n"
        f"base_url: https://e.example\negress: [{{ host: e.example }}]\nactions:{action()}"
    )
    offer(manifest)
    page = client_of(member).get(url).content.decode()
    for raw in ("<script>alert", "alert(1)</script>"):
        assert raw not in page
    card = Card.objects.get(listing__extension__slug="evil")
    assert "<script>alert" not in "".join(card.parts)
    assert len(card.parts) == 6  # text that looks like a slot opens none


def test_the_marks_of_slots_cannot_be_guessed():
    values = {
        "id": "x", "slug": "a", "name": "a", "kind": "Action", "publisher": "p", "level": "verified", "summary": "s",
        "asks": "", "requires": [], "number": "1.0.0",
        "published_at": None, "installs": 1, "used_in": "1", "figures": None,
    }  # fmt: skip
    assert parts_of(values) == parts_of(values)  # other marks, the same parts


def test_what_has_no_card_yet_is_shown_all_the_same(client_of, workspace, member, url):
    offer(connector("acme", name="Acme"))
    Card.objects.all().delete()
    assert "Asks for <b>write things</b>" in client_of(member).get(url).content.decode()
    assert not Card.objects.exists()  # a page only reads


def test_a_workspace_sees_its_own_state_in_the_same_card(client_of, workspace, admin, member, url):
    first = offer(connector("acme", "1.0.0", name="Acme"))
    install(workspace, first.extension, version=first.version, actor=admin)
    client = client_of(admin)
    assert "Installed" in client.get(url).content.decode()
    offer(connector("acme", "2.0.0", action(), action("delete_thing", "things.delete", "DELETE"), name="Acme"))
    page = client.get(url).content.decode()
    assert "Update to 2.0.0" in page and "2.0.0 wants more: <b>delete things</b>" in page
    assert "mcard is-widening" in page
    waiting = client.get(url, {"state": "waiting"})
    assert [card.hit.slug for card in waiting.context["cards"]] == ["acme"]
    assert client.get(url, {"state": "available"}).context["cards"] == []


@pytest.mark.parametrize(
    ("ends", "mark"),
    [
        ({"quarantine": "flagged"}, "In quarantine"),
        ({"status": "deprecated"}, "Deprecated"),
        ({"status": "yanked"}, "Yanked"),
    ],
)
def test_what_nobody_installs_any_more_says_so_and_offers_no_install(client_of, workspace, admin, url, ends, mark):
    held = offer(connector("acme", "1.0.0", name="Acme"))
    offer(connector("zeta", "1.0.0", action("send", "mail.write"), name="Zeta"))
    client = client_of(admin)
    assert client.get(url).content.decode().count("Install…") == 2
    Version.objects.filter(pk=held.version_id).update(**ends)
    page = client.get(url).content.decode()
    assert page.count("Install…") == 1 and 'aria-label="View Acme"' in page
    assert mark in page and "1.0.0 " in page
    Version.objects.filter(pk=held.version_id).update(status="published", quarantine="")
    install(workspace, held.extension, version=held.version, actor=admin)
    newer = offer(connector("acme", "2.0.0", action(), action("delete_thing", "things.delete", "DELETE"), name="Acme"))
    assert "Update to 2.0.0" in client.get(url).content.decode()
    Version.objects.filter(pk=newer.version_id).update(**ends)
    page = client.get(url).content.decode()
    assert mark in page and "Update to" not in page and "wants more" not in page and "Manage" in page


def test_a_pack_tells_what_of_its_requirements_is_not_here_and_what_does_not_fit(client_of, workspace, admin, url):
    first = offer(connector("acme", "1.0.0", name="Acme"))
    offer(pack())
    client = client_of(admin)
    assert "Not here yet: <b>Acme</b>" in client.get(url).content.decode()
    install(workspace, first.extension, version=first.version, actor=admin)
    assert "Not here yet" not in client.get(url).content.decode()
    offer(pack(version="2.0.0", wanted="^2.0"))
    assert "Does not fit: <b>Acme 1.0.0</b>" in client.get(url).content.decode()


def test_what_is_installed_says_how_it_fares_in_as_many_questions_for_many(client_of, workspace, admin, url):
    client = client_of(admin)
    client.get(url)
    counts = []
    for number in range(3):
        here = offer(connector(f"c{number}", "1.0.0", action(f"do_{number}")))
        install(workspace, here.extension, version=here.version, actor=admin)
        with CaptureQueriesContext(connection) as asked:
            page = client.get(url).content.decode()
        assert page.count("Not connected") == number + 1
        assert f"Health of C{number}" in page
        counts.append(len(asked))
    assert counts[2] == counts[0]
    row = Connection.objects.first()
    Connection.objects.filter(pk=row.pk).update(status=Connection.Status.EXHAUSTED, last_error="It was revoked.")
    health._kept.clear()  # fifteen seconds later
    page = client.get(url).content.decode()
    assert page.count("Not connected") == 2 and "To be reconnected" in page and "It was revoked." in page


def test_the_parts_of_a_score_add_up_to_it_and_stand_under_each_card(client_of, workspace, member, url):
    offer(connector("shelf", name="Shelf", summary="Boards."))
    offer(connector("acme", "1.0.0", action("put", summary="Puts it on the shelf."), name="Acme"))
    page = client_of(member).get(url, {"q": "shelf"})
    for card in page.context["cards"]:
        assert sum(part.points for part in card.hit.why) == card.hit.score
        assert f"<span>Together</span> <b>{card.hit.score}</b>" in card.html
    assert [card.hit.why[0].why for card in page.context["cards"]] == ["is called exactly that", "in what it does"]
