"""What one workspace lists for itself is there for its own people, and for nobody else; the API: tests/api."""

import pytest
from django.urls import reverse

from galaxy.core.errors import DomainError
from galaxy.core.scope import workspace_scope
from marketplace.bundles.exporting import bundle_of
from marketplace.services import list_extension
from registry.models import Version
from registry.services.publishing import publish_private
from tests.registry.samples import action, connector, pack, publish


@pytest.fixture
def private(workspace, creator):
    """A listing of Meridian's own catalogue, with a word that nobody else uses."""
    manifest = connector("lodestar", "1.0.0", action(), name="Lodestar", summary="Keeps zorblatts.")
    return list_extension(
        publish_private(manifest, workspace=workspace, published_by=creator), level="community", summary="Zorblatts."
    )


def page(client, workspace, name, *args, **query):
    return client.get(reverse(name, args=[workspace.slug, *args]), query)


@pytest.mark.parametrize("sort", ["", "name", "newest", "used", "reach"])
def test_neither_browsing_nor_search_nor_a_facet_tells_of_it(
    client_of, workspace, other_workspace, member, stranger, private, sort
):
    public = connector("acme", "1.0.0", action("send", "mail.write"), name="Acme")
    list_extension(publish(public), level="community", summary="Mail.")
    for q in ("lodestar", "zorblatts", "lodestra"):
        query = {"q": q, "sort": sort, "kind": "connector"}
        own = page(client_of(member), workspace, "marketplace:listing-list", **query)
        if q != "lodestra":  # nor is a typo of it corrected, by which somebody could learn the word
            assert [card.hit.slug for card in own.context["cards"]] == ["lodestar"], q
        theirs = page(client_of(stranger), other_workspace, "marketplace:listing-list", **query)
        assert theirs.context["cards"] == [] and not theirs.context["found"].meant
        assert "Lodestar" not in theirs.content.decode()
        assert theirs.context["found"].total.number == 0
    everything = page(client_of(stranger), other_workspace, "marketplace:listing-list", sort=sort)
    assert [card.hit.slug for card in everything.context["cards"]] == ["acme"]
    assert "Lodestar" not in everything.content.decode() and everything.context["found"].total.number == 1


def test_its_pages_are_not_there(client_of, workspace, other_workspace, member, stranger, private):
    client = client_of(stranger)
    for name in ("marketplace:listing-detail", "marketplace:listing-install", "reviews:review-list"):
        assert page(client, other_workspace, name, "lodestar").status_code == 404, name
        assert page(client, workspace, name, "lodestar").status_code == 404, name  # nor through the front door
    install = reverse("marketplace:listing-install", args=[other_workspace.slug, "lodestar"])
    assert client.post(install, {"digest": private.version.digest}).status_code == 404
    assert page(client_of(member), workspace, "marketplace:listing-detail", "lodestar").status_code == 200


def test_a_comparison_leaves_it_aside(client_of, workspace, other_workspace, member, stranger, private):
    list_extension(publish(connector("acme", name="Acme")), level="community", summary="Mail.")
    picked = {"pick": ["lodestar", "acme"]}
    own = page(client_of(member), workspace, "marketplace:listing-comparison", **picked)
    assert [one.listing.extension.slug for one in own.context["comparison"].columns] == ["lodestar", "acme"]
    theirs = page(client_of(stranger), other_workspace, "marketplace:listing-comparison", **picked)
    assert [one.listing.extension.slug for one in theirs.context["comparison"].columns] == ["acme"]
    assert "Lodestar" not in theirs.content.decode()


def test_no_bundle_of_another_workspace_carries_it(other_workspace, private):
    list_extension(publish(pack(needs="lodestar")), level="community", summary="Keeps.")
    with workspace_scope([other_workspace.pk]):
        assert not Version.objects.filter(extension__slug="lodestar").exists()
        with pytest.raises(DomainError, match="requires lodestar"):
            bundle_of(Version.objects.get(extension__slug="things.keep"), other_workspace)
