"""Bundles and drafts by token: the same refusals as on the pages, and the same file comes out as goes in."""

import base64

import pytest

from galaxy.core.models import AuditEvent
from marketplace.bundles.models import BundleUpload
from marketplace.bundles.reading import read_bundle
from marketplace.models import Listing
from marketplace.workshop.models import Draft
from tests.api.conftest import send
from tests.bundling import bytes_of, foreign, trusted
from tests.marketplace.bundles.test_reading import changed_index, entries, zipped
from tests.registry.samples import connector, pack
from tests.submitting import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(api, token_of, admin):
    return api(token_of(admin))


def sent(client, content: bytes, **more):
    return send(client, "bundles/", {"content": base64.b64encode(content).decode(), **more})


def test_a_bundle_is_looked_into_imported_and_exported_again(client, workspace, tmp_path):
    bundle = foreign(tmp_path, connector("faraway"), pack("far.keep", needs="faraway"))
    looked = sent(client, bytes_of(bundle), name="faraway.galaxy")
    told = looked.json()
    assert (looked.status_code, told["can_be_imported"], told["source"]) == (201, False, None)
    assert "not trusted here" in told["why_not"]
    refused = send(client, f"bundles/{told['id']}/import/", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_importable")
    trusted(bundle)
    again = sent(client, bytes_of(bundle))
    assert (again.status_code, again.json()["id"], again.json()["can_be_imported"]) == (200, told["id"], True)
    assert [one["state"] for one in again.json()["versions"]] == ["new", "new"]
    done = send(client, f"bundles/{told['id']}/import/", {}).json()
    assert (done["state"], done["source"]["name"], done["catalogue"]) == ("imported", "Head office", "private")
    assert {one["level"] for one in done["versions"]} == {"verified"}
    assert Listing.objects.get(extension__slug="far.keep").level == "community"
    twice = send(client, f"bundles/{told['id']}/import/", {})
    assert (twice.status_code, twice.json()["code"]) == (409, "imported_already")
    file = send(client, "listings/far.keep/bundle/", {"version": "1.0.0"}).json()
    content = base64.b64decode(file["content"])
    assert (file["name"], file["size_bytes"]) == ("far.keep-1.0.0.galaxy", len(content))
    assert [one.digest for one in read_bundle(content).versions] == [one.digest for one in bundle.versions]
    assert AuditEvent.objects.filter(action="bundle.exported").count() == 1
    assert send(client, "listings/far.keep/bundle/", {"version": "9.9.9"}).status_code == 404


HOSTILE = {
    "nothing": b"",
    "no archive": b"MZ" * 100,
    "slip": zipped({"../../etc/passwd": b"x"}),
    "drive": zipped({"C:/x": b"x"}),
    "link": zipped(entries(), mode=0o120777, last="bundle.json"),
    "bomb": zipped({"bundle.json": bytes(30 * 1024 * 1024)}),
    "deep": zipped({"bundle.json": b'{"a":' * 42_000}),
    "archives": zipped({"bundle.json": zipped({"bundle.json": zipped(entries())})}),
    "other digest": changed_index(digest="0" * 64),
    "other number": changed_index(number="9.9.9"),
    "a path that leads out": changed_index(files=["../docs.md"]),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_bundle_is_a_refusal_in_words_and_nothing_stays(client, workspace, content):
    answer = sent(client, content)
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["detail"]
    assert not BundleUpload.objects.exists()


def test_what_is_no_base64_or_too_large_is_refused(client, workspace):
    assert send(client, "bundles/", {"content": "a.b"}).json()["fields"] == {"content": "It is not base64."}
    assert send(client, "bundles/", {"content": "A" * 12_000_000}).status_code == 422
    assert send(client, "bundles/", {"content": "A" * 13_000_000}).status_code == 413


def test_a_folder_becomes_a_draft_and_is_changed_whole(api, token_of, creator, workspace):
    client = api(token_of(creator))
    body = {"manifest": text_of(), "files": {"notes.md": "# Notes", "old.md": "x"}}
    made = send(client, "drafts/", body).json()
    assert (made["state"], made["is_submittable"], made["revision"]) == ("ready", True, 1)
    assert made["coverage"] == [
        {"action": "create_task", **dict.fromkeys(("happy", "unauthorised", "limited", "failing"), "filled")}
    ]
    place = f"drafts/{made['id']}/change/"
    changed = {"manifest": text_of("1.0.1").replace("licence: Apache-2.0\n", ""), "files": {"notes.md": "# More"}}
    told = send(client, place, changed | {"revision": 1}).json()
    assert [one["path"] for one in told["files"]] == ["notes.md"]
    assert told["revision"] == 2 and "licence" in str(told["findings"])
    late = send(client, place, changed | {"revision": 1, "manifest": text_of("1.0.2")})
    assert late.status_code == 409
    assert Draft.objects.get(pk=made["id"]).files.get().content == b"# More"
