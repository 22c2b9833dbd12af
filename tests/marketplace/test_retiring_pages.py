"""The pages on which versions end: what one publishes, and the desk's quarantine."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from galaxy.core.scope import scope_with
from registry.models import Installation, PublisherMember, Quarantine, Version
from registry.publishers.naming import make_publisher
from registry.services import install
from registry.services.quarantining import quarantine
from tests.registry.samples import connector, publish, transform

WHY = "Its API is switched off."


def url(name, workspace, *args):
    return reverse(f"retiring:{name}", args=[workspace.slug, *args])


@pytest.fixture
def acme(workspace, creator):
    publisher = make_publisher("Paper Lantern", workspace=workspace, created_by=creator)
    PublisherMember.objects.create(publisher=publisher, user=creator, role="manager")
    return [publish(connector("acme", number, summary=f"{number}."), publisher) for number in ("1.0.0", "1.0.1")]


def test_a_manager_deprecates_keeps_and_yanks_on_pages(client_of, workspace, creator, admin, acme):
    client, first = client_of(creator), ("acme", "1.0.0")
    assert "acme" in client.get(url("publication-list", workspace)).text
    soon = {"ends_on": timezone.now().date() + timedelta(days=60), "reason": WHY}
    refused = client.post(url("deprecation", workspace, *first), soon)
    assert refused.status_code == 422 and "The earliest is" in refused.text
    right = soon | {"ends_on": timezone.now().date() + timedelta(days=90), "successor": str(acme[1].pk)}
    assert client.post(url("deprecation", workspace, *first), right).status_code == 302
    page = client.get(url("publication-detail", workspace, "acme")).text
    assert "Deprecated" in page and WHY in page and "Move to 1.0.1." in page and "Keep it…" in page
    again = client.get(url("deprecation", workspace, *first)).text  # for a date browsers read this form alone
    assert f'value="{right["ends_on"]:%Y-%m-%d}"' in again and f'min="{right["ends_on"]:%Y-%m-%d}"' in again
    listing = Version.objects.get(pk=acme[0].pk)
    assert (listing.status, listing.successor) == ("deprecated", acme[1])
    assert client.post(url("deprecation-end", workspace, *first), {"reason": "It stays."}).status_code == 302
    assert client.post(url("yanking", workspace, *first), {"reason": ""}).status_code == 422
    assert client.post(url("yanking", workspace, *first), {"reason": "It is broken."}).status_code == 302
    assert Version.objects.get(pk=acme[0].pk).yank_reason == "It is broken."
    assert client_of(admin).get(url("yanking", workspace, "acme", "1.0.1")).status_code == 403
    assert "The managers of Paper Lantern" in client_of(admin).get(url("publication-detail", workspace, "acme")).text


def test_another_publishers_extensions_are_not_found(client_of, workspace, creator):
    publish(connector())
    assert client_of(creator).get(url("publication-detail", workspace, "acme")).status_code == 404
    assert "Nothing is published yet" in client_of(creator).get(url("publication-list", workspace)).text


def test_the_list_of_publications_asks_as_much_for_many(client_of, workspace, creator, acme):
    client = client_of(creator)
    client.get(url("publication-list", workspace))
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(url("publication-list", workspace))
    for number in range(4):
        publish(transform(f"things.t{number}"), acme[0].extension.owner)
    with CaptureQueriesContext(connection) as many:
        client.get(url("publication-list", workspace))
    assert len(few) == len(many)


def test_the_desk_takes_a_version_out_and_lifts_it(client_of, desk, workspace, admin, acme):
    held = install(workspace, acme[0].extension, version=acme[0], actor=admin)
    with scope_with(desk.workspace.pk):
        client = client_of(desk.reviewer)
        found = client.get(url("quarantine-list", desk.workspace), {"release": "acme 1.0.0"})
        assert found.url == url("quarantine-create", desk.workspace, "acme", "1.0.0")
        assert (
            "There is no such version"
            in client.get(url("quarantine-list", desk.workspace), {"release": "acme 9.0.0"}).text
        )
        assert "1 workspace holds it" in client.get(found.url).text
        assert client.post(found.url, {"reach": "calls", "reason": ""}).status_code == 422
        assert client.post(found.url, {"reach": "calls", "reason": "It <b>leaks</b>."}).status_code == 302
        row = Quarantine.objects.get()
        page = client.get(url("quarantine-list", desk.workspace)).text
        assert "It &lt;b&gt;leaks&lt;/b&gt;." in page and "Lift the quarantine of" in page
    there = client_of(admin)
    assert "and nothing of it runs" in there.get(held.get_absolute_url()).text
    assert "In quarantine" in there.get(held.get_absolute_url()).text
    assert "leaks" in there.get(url("quarantine-list", workspace)).text
    assert there.get(url("quarantine-create", workspace, "acme", "1.0.0")).status_code == 404
    with scope_with(desk.workspace.pk):
        end = url("quarantine-end", desk.workspace, row.pk)
        assert client.get(end).status_code == 200
        assert client.post(end, {"reason": "A false alarm."}).status_code == 302
        assert "A false alarm." in client.get(url("quarantine-list", desk.workspace)).text
    assert "quarantine" not in there.get(held.get_absolute_url()).text.split('id="held-versions"')[1]


def test_the_list_of_the_desk_asks_as_much_for_many(client_of, desk, acme):
    with scope_with(desk.workspace.pk):
        client = client_of(desk.reviewer)
        counts = []
        for version in acme:
            quarantine(version, reach="installs", reason=WHY, actor=desk.reviewer)
            client.get(url("quarantine-list", desk.workspace))
            with CaptureQueriesContext(connection) as asked:
                client.get(url("quarantine-list", desk.workspace))
            counts.append(len(asked))
    assert counts[0] == counts[1]


def test_an_owner_says_what_becomes_of_calls_meanwhile(client_of, workspace, owner, member):
    assert client_of(owner).post(url("quarantine-calls", workspace), {"on_flagged": "stop"}).status_code == 302
    workspace.refresh_from_db()
    assert workspace.on_flagged == "stop"
    assert "change" in client_of(member).get(url("quarantine-list", workspace)).text.lower()


def test_a_paused_installation_says_so_on_its_page(client_of, workspace, admin, acme):
    held = install(workspace, acme[0].extension, version=acme[0], actor=admin)
    Installation.objects.filter(pk=held.pk).update(paused_at=timezone.now(), paused_reason="1.0.0 came to its end.")
    page = client_of(admin).get(held.get_absolute_url()).text
    assert "It is paused since" in page and "1.0.0 came to its end." in page and "Other versions…" in page
