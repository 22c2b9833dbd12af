"""Previews, the timeline of an installation and who uses it, by the API."""

import pytest
from django.test import Client

from galaxy.core.tokens import API_PERMISSIONS, create_token
from registry.rollback.services import roll_back
from registry.services import install, move_pin
from sandbox.models import UpgradePreview
from sandbox.upgrades.previews import work_on
from tests.api.conftest import send, url
from tests.extensions import PACK, TIDY, publish


@pytest.fixture
def client(workspace, admin):
    _, text = create_token(workspace, name="Test", permissions=API_PERMISSIONS, days=30, actor=admin)
    return Client(headers={"Authorization": f"Bearer {text}"})


def test_a_preview_is_begun_watched_and_read(client, probe, called, newer):
    called("create", key="a")
    version = newer()
    place = f"installations/{probe.pk}/previews/"
    assert send(client, place, {"digest": "0" * 64}).status_code == 422
    begun = send(client, place, {"digest": version.digest})
    assert begun.status_code == 201
    row = begun.json()
    assert (row["state"], row["done"], row["total"], row["report"]) == ("queued", 0, 1, None)
    assert send(client, place, {"digest": version.digest}).json()["id"] == row["id"]
    work_on(UpgradePreview.objects.get().pk)
    found = client.get(url(f"previews/{row['id']}/")).json()
    assert (found["state"], found["report"]["same"], found["report"]["is_way_back"]) == ("done", 1, True)
    assert found["report"]["actions"] == [{"action": "probe.create", "calls": 1, "same": 1, "findings": []}]
    listed = client.get(url("previews/")).json()["results"]
    assert [one["report"] for one in listed] == [found["report"]["id"]]
    assert send(client, f"previews/{row['id']}/stopping/", {}).status_code == 409


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_the_timeline_says_who_moved_what_and_why_page_by_page(client, probe, newer, admin):
    """Real transactions, so that history has every state."""
    for number in ("1.1.0", "1.2.0"):
        move_pin(probe, version=newer(number=number), actor=admin)
        probe.refresh_from_db()
    back = probe.pin.version.extension.versions.get(number="1.1.0")
    roll_back(probe, version=back, actor=admin, reason="Answers late.")
    address, seen = url(f"installations/{probe.pk}/timeline/?limit=2"), []
    while address:
        page = client.get(address).json()
        assert len(page["results"]) <= 2
        seen += page["results"]
        address = page["next"]
    told = [(one["version"]["number"], one["came"], one["reason"]) for one in seen]
    assert told == [
        ("1.1.0", "rolled_back", "Answers late."),
        ("1.2.0", "moved", ""),
        ("1.1.0", "moved", ""),
        ("1.0.0", "installed", ""),
    ]
    assert seen[0]["until"] is None and seen[1]["until"] == seen[0]["since"]
    assert {one["by"]["name"] for one in seen} == {str(admin)}


def test_who_uses_it_is_listed_with_who_answers_for_it(client, probe, workspace, admin):
    for text in (TIDY, PACK):
        one = publish(text)
        install(workspace, one.extension, version=one, actor=admin)
    found = client.get(url(f"installations/{probe.pk}/dependants/")).json()["dependants"]
    assert [(one["kind"], one["name"], one["owner"], one["note"]) for one in found] == [
        ("pack", "Probe flow", str(admin), "requires ^1.0")
    ]
