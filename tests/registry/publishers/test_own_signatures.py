"""A publisher's own signature: what is signed, where it is handed in, and what is refused until it is (F96)."""

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import AuditEvent, Notification
from galaxy.core.sessions import BEGAN
from registry.errors import AlreadyRetired, NotManager, NotVouched, WrongSignature
from registry.models import Publisher, SigningKey
from registry.publishers import keys
from registry.publishers.claiming import add_to_team, claim_name
from registry.services import install, move_pin, verified_manifest
from registry.signing import verify
from registry.signing.statements import Statement
from tests.registry.samples import connector, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def orbit(workspace, creator):
    return claim_name(workspace, name="Orbit Works", actor=creator)


@pytest.fixture
def private(orbit, creator):
    made = Ed25519PrivateKey.generate()
    pem = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    keys.add_key(orbit, public=pem, actor=creator)
    return made


@pytest.fixture
def demanded(orbit, private, creator):
    """From now on nothing of Orbit's counts without its own signature."""
    verified_manifest.cache_clear()
    return keys.demand_signatures(orbit, since=timezone.now().date(), actor=creator)


def signed(private, text: str) -> str:
    return base64.b64encode(private.sign(text.encode())).decode()


def page_of(workspace, version, name="signature") -> str:
    return reverse(f"retiring:{name}", args=[workspace.slug, version.extension.slug, version.number])


def test_the_statement_is_downloaded_signed_elsewhere_and_handed_in(orbit, private, client_of, creator, workspace):
    version = publish(connector(), publisher=orbit)
    browser, page = client_of(creator), page_of(workspace, version)
    answer = browser.get(page_of(workspace, version, "statement"))
    said = Statement.read(version.signatures.get().statement)  # the marketplace's, which says its catalogue besides
    assert answer.content.decode() == keys.statement_for(version) == said.plain.text
    assert 'filename="acme-1.0.0.statement.json"' in answer["Content-Disposition"]
    shown = browser.get(page).content.decode()
    assert "openssl pkeyutl -sign -inkey publisher.pem -rawin -in acme-1.0.0.statement.json" in shown
    refused = browser.post(page, {"signature": signed(private, answer.content.decode() + "\n")})
    assert (refused.status_code, "without a line end after it" in refused.content.decode()) == (422, True)
    raw = private.sign(answer.content)
    upload = SimpleUploadedFile("signature.bin", raw)
    assert browser.post(page, {"file": upload}).status_code == 302
    assert bytes(version.signatures.get(key__owner="publisher").signature) == raw
    assert AuditEvent.objects.filter(action="version.signed").count() == 1
    again = browser.post(page, {"signature": base64.b64encode(raw).decode()})
    assert (again.status_code, "bears a signature by" in again.content.decode()) == (409, True)
    listed = browser.get(reverse("retiring:publication-detail", args=[workspace.slug, "acme"])).content.decode()
    assert "Signed by Orbit Works" in listed


@pytest.mark.parametrize("given", [{}, {"signature": "x"}, {"signature": "A" * 88}, {"signature": "a" * 2000}])
def test_what_is_no_signature_is_refused_beside_its_field(orbit, private, client_of, creator, workspace, given):
    version = publish(connector(), publisher=orbit)
    answer = client_of(creator).post(page_of(workspace, version), given)
    assert (answer.status_code, version.signatures.count()) == (422, 1)
    assert 'aria-invalid="true"' in answer.content.decode()


def test_only_the_team_signs_and_others_find_no_such_page(
    orbit, private, client_of, admin, stranger, workspace, other_workspace
):
    version = publish(connector(), publisher=orbit)
    page = page_of(workspace, version)
    assert "The team of Orbit Works signs its versions." in client_of(admin).get(page).content.decode()
    with pytest.raises(NotManager):
        keys.add_signature(version, signature=signed(private, keys.statement_for(version)), actor=admin)
    assert client_of(stranger).get(page_of(other_workspace, version)).status_code == 404


def test_what_is_published_without_it_waits_is_told_and_is_refused_until_it_is_signed(
    demanded, private, workspace, creator, admin, member, client_of
):
    add_to_team(demanded, user=member, role="author", actor=creator)
    version = publish(connector(), publisher=demanded)
    told = Notification.objects.filter(kind="version_unsigned")
    assert {one.person for one in told} == {creator, member}
    for act in (
        lambda: install(workspace, version.extension, version=version, actor=admin),
        lambda: verified_manifest(version.digest),
    ):
        with pytest.raises(NotVouched, match="no signature of Orbit Works") as refused:
            act()
        assert "somebody on the team of Orbit Works signs it" in refused.value.next_step
    assert (
        "It waits for a signature of Orbit Works."
        in client_of(creator).get(page_of(workspace, version)).content.decode()
    )
    keys.add_signature(version, signature=signed(private, keys.statement_for(version)), actor=member)
    installed = install(workspace, version.extension, version=version, actor=admin)
    assert installed.pin.digest == version.digest
    assert not told.filter(read_at=None).exists()
    following = publish(connector("acme", "1.0.1", summary="Better."), publisher=demanded)
    with pytest.raises(NotVouched):
        move_pin(installed, version=following, actor=admin)


def test_it_is_demanded_of_what_comes_and_never_of_what_is_out(orbit, private, creator, admin):
    version, now = publish(connector(), publisher=orbit), timezone.now()
    with pytest.raises(Invalid, match="over"):
        keys.demand_signatures(orbit, since=now.date() - timedelta(days=1), actor=creator)
    with pytest.raises(NotManager):
        keys.demand_signatures(orbit, since=now.date(), actor=admin)
    row = keys.demand_signatures(orbit, since=now.date() + timedelta(days=2), actor=creator)
    assert (row.signs_from.hour, row.demands(now)) == (0, False)
    row = keys.demand_signatures(orbit, since=now.date(), actor=creator)
    version.extension.refresh_from_db()
    verify(version)
    assert keys.demand_signatures(orbit, since=None, actor=creator).signs_from is None
    assert AuditEvent.objects.filter(action="publisher.signing_changed").count() == 3


def test_demanding_it_again_lets_nothing_through_that_waits(demanded, creator, workspace, client_of):
    """A later day would be one after what was published unsigned."""
    first = demanded.signs_from
    waiting = publish(connector(), publisher=demanded)
    for later in (0, 3):
        since = timezone.now().date() + timedelta(days=later)
        assert keys.demand_signatures(demanded, since=since, actor=creator).signs_from == first
    place = reverse("registry:publisher-signing", args=[workspace.slug, demanded.pk])
    answer = client_of(creator).post(place, {"since": timezone.now().date().isoformat()}, follow=True)
    assert "and that stays" in answer.text and "Demand it from" not in answer.text
    waiting.extension.refresh_from_db()
    with pytest.raises(NotVouched):
        verify(waiting)
    assert AuditEvent.objects.filter(action="publisher.signing_changed").count() == 1


def test_who_did_not_prove_it_of_late_changes_nothing_that_is_signed_for(demanded, creator, workspace, client_of):
    client, key, at = client_of(creator), SigningKey.objects.get(publisher=demanded), [workspace.slug, demanded.pk]
    session = client.session
    session[BEGAN] -= 3600
    session.save()
    day = timezone.now().date().isoformat()
    for place, said in (
        (reverse("registry:publisher-keys", args=at), {"public": base64.b64encode(b"k" * 32).decode()}),
        (reverse("registry:publisher-signing", args=at), {"end": "1"}),
        (reverse("registry:publisher-signing", args=at), {"since": day}),
        (reverse("registry:key-retirement", args=[workspace.slug, key.pk]), {}),
        (reverse("registry:key-revocation", args=[workspace.slug, key.pk]), {"reason": "Lost."}),
    ):
        answer = client.post(place, said)
        assert (answer.status_code, answer.get("Location")) == (302, reverse("core:proof")), place
    row = Publisher.objects.get(pk=demanded.pk)
    assert row.signs_from == demanded.signs_from and [one.state for one in row.keys.all()] == ["active"]


def test_without_a_key_nothing_is_demanded_and_a_retired_key_signs_no_more(orbit, creator, workspace, client_of):
    browser, at = client_of(creator), [workspace.slug, orbit.pk]
    day = timezone.now().date().isoformat()
    refused = browser.post(reverse("registry:publisher-signing", args=at), {"since": day})
    assert (refused.status_code, "has no key that could sign" in refused.content.decode()) == (422, True)
    made = Ed25519PrivateKey.generate()
    public = base64.b64encode(made.public_key().public_bytes_raw()).decode()
    browser.post(reverse("registry:publisher-keys", args=at), {"public": public})
    assert browser.post(reverse("registry:publisher-signing", args=at), {"since": day}).status_code == 302
    version = publish(connector(), publisher=Publisher.objects.get(pk=orbit.pk))
    text = keys.statement_for(version)
    keys.add_signature(version, signature=signed(made, text), actor=creator)
    key = SigningKey.objects.get(publisher=orbit)
    retire = reverse("registry:key-retirement", args=[workspace.slug, key.pk])
    assert browser.post(retire).status_code == 302
    assert browser.post(retire).status_code == AlreadyRetired.status
    verify(version)
    following = publish(connector("acme", "1.0.1", summary="Better."), publisher=Publisher.objects.get(pk=orbit.pk))
    with pytest.raises(WrongSignature):
        keys.add_signature(following, signature=signed(made, keys.statement_for(following)), actor=creator)


def test_a_publisher_has_ten_keys_that_sign_and_room_is_made_by_retiring(orbit, creator):
    for number in range(keys.MOST_KEYS):
        key = keys.add_key(orbit, public=base64.b64encode(number.to_bytes(32, "big")).decode(), actor=creator)
    another = base64.b64encode(b"k" * 32).decode()
    with pytest.raises(Conflict, match="10 keys"):
        keys.add_key(orbit, public=another, actor=creator)
    keys.retire_key(key, actor=creator)
    keys.add_key(orbit, public=another, actor=creator)


def test_a_key_that_is_taken_back_is_told_to_the_team(orbit, private, creator, admin, member, workspace, client_of):
    add_to_team(orbit, user=member, role="author", actor=creator)
    page = reverse("registry:key-revocation", args=[workspace.slug, SigningKey.objects.get(publisher=orbit).pk])
    client_of(creator).post(page, {"reason": "A laptop was stolen."})
    (told,) = Notification.objects.filter(kind="signing_key_revoked")
    assert (told.person, "A laptop was stolen." in told.note) == (member, True)
