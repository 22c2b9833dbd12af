"""The pages: a file is looked at before it is imported, exported by whoever installs, and trusted at the desk alone."""

import base64

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from galaxy.core.models import AuditEvent
from galaxy.core.scope import scope_with
from galaxy.core.sessions import BEGAN
from marketplace.bundles.importing import hand_in
from marketplace.bundles.layout import MAX_BYTES
from marketplace.bundles.models import BundleSource, BundleUpload
from marketplace.bundles.reading import read_bundle
from marketplace.bundles.trusting import root_of, why_not_trusted
from marketplace.models import Listing
from marketplace.services import list_extension
from tests.bundling import bytes_of, foreign, trusted
from tests.marketplace.bundles.test_reading import zipped
from tests.registry.samples import connector, pack, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def bundle(workspace, tmp_path):
    return foreign(tmp_path, connector(), pack())


@pytest.fixture
def hand(client_of, workspace):
    """``hand(person, content)``: the answer to that file."""

    def handed(person, content, name="acme.galaxy", place=workspace):
        file = SimpleUploadedFile(name, content)
        return client_of(person).post(url("bundle-list", place), {"file": file})

    return handed


def url(name, workspace, *args):
    return reverse(f"bundles:{name}", args=[workspace.slug, *args])


def test_a_bundle_is_looked_at_then_imported(client_of, hand, workspace, admin, bundle):
    client = client_of(admin)
    trusted(bundle)
    found = hand(admin, bytes_of(bundle))
    row = BundleUpload.objects.get()
    assert found.url == row.get_absolute_url()
    page = client.get(found.url).content.decode()
    for told in (
        "Head office",
        "Keep things",
        "Acme",
        "Orbit Works",
        "Here it begins as Community",
        "api.acme.example",
    ):
        assert told in page
    assert "Import 2 versions" in page
    assert not Listing.objects.filter(extension__slug="acme").exists()
    done = client.post(url("upload-import", workspace, row.pk), follow=True)
    assert "2 versions of acme.galaxy are imported." in done.content.decode()
    listing = client.get(reverse("marketplace:listing-detail", args=[workspace.slug, "acme"])).content.decode()
    assert "Where it came from" in listing and "Verified" in listing
    again = client.post(url("upload-import", workspace, row.pk), follow=True)
    assert "imported before by Admin" in again.content.decode()
    assert hand(admin, bytes_of(bundle)).url == row.get_absolute_url()


def test_without_trust_there_is_no_button_and_the_act_is_refused(client_of, hand, workspace, admin, bundle):
    place = hand(admin, bytes_of(bundle)).url
    page = client_of(admin).get(place).content.decode()
    assert "It cannot be imported." in page and root_of(bundle).id in page and "/import/" not in page
    refused = client_of(admin).post(url("upload-import", workspace, BundleUpload.objects.get().pk))
    assert refused.status_code == 409
    assert not Listing.objects.filter(extension__slug="acme").exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"PK nothing", "ZIP"),
        (zipped({"../../etc/passwd": b"x"}), "leads out"),
        (zipped({"bundle.json": b"[" * 100_000}), "JSON"),
        (zipped({"bundle.json": bytes(30 * 1024 * 1024)}), "larger than"),
        (zipped({"bundle.json": b"x"}, mode=0o120777), "is a link"),
        (b"x" * (MAX_BYTES + 1), "at most 8 MB"),
    ],
    ids=["empty", "no-zip", "slip", "deep", "bomb", "link", "large"],
)
def test_a_hostile_file_is_refused_in_words_and_not_kept(hand, workspace, admin, content, why):
    answer = hand(admin, content)
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not BundleUpload.objects.exists()


@pytest.mark.asvs("1.2.1")
def test_what_a_bundle_says_is_shown_as_text(client_of, hand, workspace, admin, tmp_path):
    evil = foreign(tmp_path, connector(name="<b>Acme</b>", summary="<script>alert(1)</script>"))
    page = client_of(admin).get(hand(admin, bytes_of(evil), name="<img src=x>.galaxy").url).content.decode()
    assert "<script>alert" not in page and "<img src=x>" not in page and "&lt;script&gt;" in page


@pytest.mark.asvs("5.4.1", "5.4.2")
def test_whoever_installs_exports_and_it_is_in_the_trail(client_of, workspace, admin, member, bundle):
    version = publish(connector())
    list_extension(version, level="verified", summary="Keeps things.")
    place = url("bundle-export", workspace, "acme")
    answer = client_of(admin).post(place, {"number": "1.0.0"})
    assert answer["Content-Disposition"] == 'attachment; filename="acme-1.0.0.galaxy"'
    found = read_bundle(answer.content)
    assert why_not_trusted(found, {root_of(found).id}) == ""
    assert AuditEvent.objects.get(action="bundle.exported").actor_id == str(admin.pk)
    assert client_of(member).post(place, {"number": "1.0.0"}).status_code == 403
    assert client_of(admin).post(place, {"number": "9.9.9"}).status_code == 404
    assert client_of(admin).post(url("bundle-export", workspace, "nothing")).status_code == 404


def test_the_bundle_of_another_workspace_is_not_there(client_of, workspace, admin, stranger, other_workspace, bundle):
    row = hand_in(workspace, content=bytes_of(bundle), name="b", actor=admin)[0]
    client = client_of(stranger)
    for name in ("upload-detail",):
        assert client.get(url(name, other_workspace, row.pk)).status_code in (403, 404)
        assert client.get(url(name, workspace, row.pk)).status_code == 404


def test_the_desk_trusts_and_takes_back(client_of, workspace, admin, desk, bundle):
    root = root_of(bundle)
    said = {"name": "Head office", "public": key_text(root), "reason": "Told by phone."}
    assert client_of(admin).post(url("source-list", workspace), said).status_code == 403
    client = client_of(desk.reviewer)
    place = url("source-list", desk.workspace)
    assert client.post(place, said | {"public": "AAAA"}).status_code == 422
    assert client.post(place, said).status_code == 302
    source = BundleSource.objects.get()
    assert (source.key_id, source.entered_by) == (root.id, desk.reviewer)
    assert "Head office" in client_of(admin).get(url("source-list", workspace)).content.decode()
    revocation = url("source-revocation", desk.workspace, source.pk)
    assert "0 versions came from it" in client.get(revocation).content.decode()
    assert client.post(revocation, {"reach": "installs", "reason": " "}).status_code == 422
    assert client.post(revocation, {"reach": "installs", "reason": "Stolen keys."}).status_code == 302
    source.refresh_from_db()
    assert source.revoke_reason == "Stolen keys."
    with scope_with(desk.workspace.pk):
        told = set(AuditEvent.objects.filter(action__startswith="bundle_source.").values_list("action", flat=True))
    assert told == {"bundle_source.trusted", "bundle_source.revoked"}


def test_who_did_not_prove_it_of_late_does_so_before_a_key_is_trusted(client_of, desk, bundle):
    said = {"name": "Head office", "public": key_text(root_of(bundle)), "reason": "Told by phone."}
    client = client_of(desk.reviewer)
    session = client.session
    session[BEGAN] -= 3600
    session.save()
    answer = client.post(url("source-list", desk.workspace), said)
    assert (answer.status_code, answer.url) == (302, reverse("core:proof"))
    assert not BundleSource.objects.exists()


def test_a_list_of_many_asks_as_little_as_one_of_few(
    client_of, workspace, admin, tmp_path, django_assert_max_num_queries
):
    bundles = [foreign(tmp_path, connector(f"acme{n}")) for n in range(3)]
    for one in bundles:
        hand_in(workspace, content=bytes_of(one), name="b", actor=admin)
    client = client_of(admin)
    client.get(url("bundle-list", workspace))
    with django_assert_max_num_queries(14):
        client.get(url("bundle-list", workspace))


def key_text(key) -> str:
    return base64.b64encode(key.public).decode()
