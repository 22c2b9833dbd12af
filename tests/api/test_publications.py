"""What one publishes, by the API: versions, how they end, and how they fare."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.tokens import API_PERMISSIONS, create_token
from marketplace.services import list_extension
from registry.models import PublisherMember, Version
from registry.publishers.naming import make_publisher
from tests.api.conftest import send, url
from tests.registry.samples import connector, publish

FIRST = "publications/acme/versions/1.0.0"


@pytest.fixture
def acme(workspace, creator, admin):
    publisher = make_publisher("Paper Lantern", workspace=workspace, created_by=creator)
    PublisherMember.objects.create(publisher=publisher, user=creator, role="manager")
    PublisherMember.objects.create(publisher=publisher, user=admin, role="author")
    for number in ("1.0.0", "1.0.1"):
        version = publish(connector("acme", number, summary=f"{number}."), publisher)
        list_extension(version, level="community", summary="Keeps things.")
    return publisher


def ends(**more):
    day = timezone.now().date() + timedelta(days=more.pop("days", 90))
    return {"ends_on": str(day), "reason": "1.0.1 does it better."} | more


def test_a_manager_ends_versions_by_token_as_on_the_pages(api, token_of, creator, acme):
    client = api(token_of(creator))
    soon = send(client, f"{FIRST}/deprecation/", ends(days=60))
    assert (soon.status_code, "ends_on" in soon.json()["fields"]) == (422, True)
    odd = send(client, f"{FIRST}/deprecation/", ends(successor="9.9.9"))
    assert (odd.status_code, set(odd.json()["fields"])) == (422, {"successor"})
    said = send(client, f"{FIRST}/deprecation/", ends(successor="1.0.1", migration_note="Nothing.")).json()
    assert (said["status"], said["successor"], said["migration_note"]) == ("deprecated", "1.0.1", "Nothing.")
    read = client.get(url("publications/acme/")).json()
    assert (read["ending"], read["may_retire"], [one["number"] for one in read["releases"]]) == (
        1,
        True,
        ["1.0.1", "1.0.0"],
    )
    assert send(client, f"{FIRST}/deprecation/end/", {"reason": "It stays."}).json()["status"] == "published"
    assert send(client, f"{FIRST}/yanking/", {"reason": ""}).status_code == 422
    assert send(client, f"{FIRST}/yanking/", {"reason": "It is broken."}).json()["yank_reason"] == "It is broken."
    assert send(client, f"{FIRST}/yanking/", {"reason": "Again."}).status_code == 409
    assert send(client, "publications/acme/versions/2.0.0/yanking/", {"reason": "x"}).status_code == 404


def test_authors_read_and_do_not_end_and_a_narrow_token_does_neither(api, token_of, workspace, admin, creator, acme):
    client = api(token_of(admin))
    assert client.get(url("publications/acme/")).json()["may_retire"] is False
    assert client.get(url("publications/acme/telemetry/")).json()["days"] == 30
    assert client.get(url("publications/acme/telemetry/?days=8")).status_code == 422
    assert send(client, f"{FIRST}/yanking/", {"reason": "x"}).status_code == 403
    readers = [name for name in API_PERMISSIONS if name != "publications.write"]
    reader = api(create_token(workspace, name="R", permissions=readers, days=1, actor=creator)[1])
    assert reader.get(url("publications/?kind=connector")).json()["results"][0]["slug"] == "acme"
    assert send(reader, f"{FIRST}/yanking/", {"reason": "x"}).json()["code"] == "token_permission_missing"
    assert Version.objects.get(number="1.0.0").status == "published"
