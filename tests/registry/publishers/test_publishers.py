"""Names of publishers: one owner each, proven by DNS or by staff, and shown as they are (F103)."""

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from galaxy.core.egress.txt import LookupFailed, txt_records
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from galaxy.core.templatetags.ui import badge
from registry.errors import LastManager, NameTaken, NeedsAnother, NotManager, NotVouched
from registry.models import Publisher, PublisherMember
from registry.names import skeleton
from registry.publishers import keys, proving
from registry.publishers.claiming import MOST_UNPROVEN, add_to_team, claim_name, remove_from_team
from registry.publishers.domains import plain_domain
from registry.publishers.naming import publisher_named
from registry.signing import verify
from sandbox.sandboxd.service import Service
from tests.peers.names import name_server
from tests.registry.samples import connector, publish

pytestmark = pytest.mark.django_db
_WORDS = ("Amber", "Birch", "Copper", "Dawn", "Elm", "Fern", "Grove", "Hazel")


@pytest.fixture
def names(settings, monkeypatch):
    """A name server of the test's own, asked through sandboxd's operation with the socket left out."""
    with name_server() as server:
        settings.GALAXY_NAMESERVERS = [server.address]
        monkeypatch.setattr("sandbox.sandboxd.service.close_old_connections", lambda: None)
        service = Service(None)
        look_up = lambda name: service.handle("publisher.records", {"name": name})["records"]  # noqa: E731
        monkeypatch.setattr(proving, "_lookups", [look_up])
        yield server


@pytest.fixture
def orbit(workspace, creator):
    return claim_name(workspace, name="Orbit Works", actor=creator)


@pytest.fixture
def proven(names, orbit, creator):
    row = proving.set_domain(orbit, domain="orbit.example", actor=creator)
    names.records[row.record_name] = [f'"{row.record_text}"']
    assert proving.check_proof(row, actor=creator)
    return row


@pytest.mark.parametrize(
    "name", ["Orbit Works", "orbit works", "0rbit-Works", "Оrbit Works", "Orbit  W orks", "ORB1T WORKS"]
)
def test_two_publishers_cannot_have_one_name_or_names_that_look_alike(orbit, other_workspace, stranger, name):
    with workspace_scope([other_workspace.pk]), pytest.raises(DomainError):
        claim_name(other_workspace, name=name, actor=stranger)
    with pytest.raises(NameTaken, match="somebody else's"):
        publisher_named("Orbit Works")
    with pytest.raises(IntegrityError, match=r"publisher_(name|look)_once"), transaction.atomic():
        Publisher.objects.create(name="orbit works", slug="another", token="x")
    assert Publisher.objects.count() == 1


@pytest.mark.parametrize("name", ["", "A", "<b>Bold</b>", "A\u202eB", "A\x00B", "...", "Orbіt Ltd", "x" * 81])
def test_what_cannot_be_read_or_pretends_is_no_name(workspace, creator, name):
    with pytest.raises(Invalid):
        claim_name(workspace, name=name, actor=creator)
    assert not Publisher.objects.exists()


def test_a_skeleton_keeps_different_names_apart():
    assert len({skeleton(name) for name in ("HubSpot", "Slack", "Notion", "Orbit Works", "日本", "Яндекс")}) == 6
    assert skeleton("hubsp0t") == skeleton("HubSpot") == skeleton("Hub-Spot")


def test_a_name_and_its_owner_are_for_good(orbit):
    with pytest.raises(DatabaseError, match="for good"), transaction.atomic():
        Publisher.objects.filter(pk=orbit.pk).update(name="Other")


def test_a_record_proves_a_name_and_only_the_exact_one_does(names, orbit, creator):
    row = proving.set_domain(orbit, domain="Orbit.Example.", actor=creator)
    assert row.record_name == "_galaxy-publisher.orbit.example"
    names.records[row.record_name] = ['"v=spf1 -all"', f'"{row.record_text}x"']
    assert not proving.check_proof(row, actor=creator)
    assert row.proof == "none"
    names.records[row.record_name].append(f'"{row.record_text[:20]}" "{row.record_text[20:]}"')
    assert proving.check_proof(row, actor=creator)
    assert (row.proof, row.proven_at) == ("dns", row.checked_at)
    assert AuditEvent.objects.filter(action="publisher.proven").count() == 1
    assert set(names.asked) == {row.record_name}


def test_a_proof_lapses_three_days_after_its_record_is_gone_and_not_for_a_silent_server(names, proven):
    at = proven.checked_at + timedelta(hours=13)
    names.fails = True
    assert proving.check_due_proofs(now=at) == 0
    names.fails = False
    names.records.clear()
    assert proving.check_due_proofs(now=at) == 0
    proven.refresh_from_db()
    assert (proven.proof, proven.missing_since) == ("dns", at)
    proving.check_due_proofs(now=at + timedelta(hours=70))
    proven.refresh_from_db()
    assert proven.is_proven
    proving.check_due_proofs(now=at + timedelta(hours=83))
    proven.refresh_from_db()
    assert (proven.proof, proven.proven_at) == ("none", None)
    assert AuditEvent.objects.filter(action="publisher.proof_lapsed").count() == 1


def test_another_domain_ends_the_proof_by_the_one_before(proven, creator):
    before = proven.record_text
    row = proving.set_domain(proven, domain="works.example", actor=creator)
    assert (row.proof, row.record_text == before) == ("none", False)


@pytest.mark.parametrize(
    "domain", ["com", "co.uk", "github.io", "localhost", "10.0.0.1", "a b.example", "x" * 250, "https://a.example/"]
)
def test_a_domain_that_is_nobodys_proves_nothing(domain):
    with pytest.raises(ValueError, match=r"domain|many"):
        plain_domain(domain)


def test_sandboxd_looks_up_nothing_else(names):
    for name in ("example.com", "_galaxy-publisher.localhost", "_galaxy-publisher."):
        with pytest.raises(DomainError) as refused:
            Service(None).handle("publisher.records", {"name": name})
        assert refused.value.code == "bad_order"
    assert names.asked == []


def test_no_answer_is_neither_yes_nor_no(names):
    names.fails = True
    with pytest.raises(LookupFailed):
        txt_records("_galaxy-publisher.orbit.example")


def test_only_managers_change_a_publisher_and_one_of_them_stays(orbit, creator, member, admin):
    with pytest.raises(NotManager):
        add_to_team(orbit, user=member, role="author", actor=admin)
    row = add_to_team(orbit, user=member, role="author", actor=creator)
    with pytest.raises(LastManager):
        remove_from_team(orbit.team.get(user=creator), actor=creator)
    remove_from_team(row, actor=member)
    assert [one.user for one in orbit.team.all()] == [creator]


def test_nobody_hoards_names(workspace, creator):
    for number in range(MOST_UNPROVEN):
        name = claim_name(workspace, name=f"Made-up {_WORDS[number % 8]} {_WORDS[number // 8]}", actor=creator)
    with pytest.raises(Conflict, match="20 names that are not proven"):
        claim_name(workspace, name="One More", actor=creator)
    Publisher.objects.filter(pk=name.pk).update(proof="dns", domain="a.example", proven_at=timezone.now())
    claim_name(workspace, name="One More", actor=creator)


def test_the_desk_vouches_with_a_reason_and_both_trails_say_so(desk, orbit, creator, admin):
    with pytest.raises(NotGranted):
        proving.vouch(orbit, reason="I know them.", actor=admin)
    with workspace_scope([desk.workspace.pk]):
        with pytest.raises(Invalid):
            proving.vouch(orbit, reason=" ", actor=desk.reviewer)
        PublisherMember.objects.create(publisher=orbit, user=desk.second)
        with pytest.raises(NeedsAnother, match="team of Orbit Works"):
            proving.vouch(orbit, reason="It is us.", actor=desk.second)
        proving.vouch(orbit, reason="Their contract is on file.", actor=desk.reviewer)
        assert AuditEvent.objects.filter(action="publisher.vouched").count() == 1
    assert AuditEvent.objects.filter(action="publisher.vouched").count() == 1
    orbit.refresh_from_db()
    assert orbit.proof == "staff"
    with pytest.raises(IntegrityError, match="publisher_vouch_has_somebody"), transaction.atomic():
        Publisher.objects.filter(pk=orbit.pk).update(vouched_by=None)


def test_an_unproven_name_wears_it_where_it_is_installed_from(
    orbit, desk, client_of, admin, workspace, django_capture_on_commit_callbacks
):
    from marketplace.services import list_extension

    version = publish(connector(), publisher=orbit)
    list_extension(version, level="community", summary="Keeps things.")
    at = {"workspace": workspace.slug, "slug": "acme"}
    pages = [reverse(f"marketplace:{name}", kwargs=at) for name in ("listing-detail", "listing-install")]
    pages.append(reverse("marketplace:listing-list", args=[workspace.slug]))
    browser = client_of(admin)
    not_proven = badge("warn", "Not proven", "triangle-alert")  # rules of levels say the same of themselves
    assert all(not_proven in browser.get(page).content.decode() for page in pages)
    with django_capture_on_commit_callbacks(execute=True), workspace_scope([desk.workspace.pk]):
        proving.vouch(orbit, reason="Known.", actor=desk.reviewer)
    shown = [browser.get(page).content.decode() for page in pages]
    assert not any(not_proven in page for page in shown)
    assert all("Vouched for by staff" in page for page in shown[:2])
    assert "Signed by the marketplace" in shown[0]


def test_a_publisher_signs_with_a_key_of_its_own_and_may_demand_it(orbit, creator, admin):
    private = Ed25519PrivateKey.generate()
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    key = keys.add_key(orbit, public=public, actor=creator)
    version = publish(connector(), publisher=orbit)
    Publisher.objects.filter(pk=orbit.pk).update(signs_from=version.published_at)
    version.extension.refresh_from_db()
    with pytest.raises(NotVouched, match="no signature of Orbit Works"):
        verify(version)
    Publisher.objects.filter(pk=orbit.pk).update(signs_from=None)
    version.extension.refresh_from_db()
    text = keys.statement_for(version)
    with pytest.raises(NotManager):
        keys.add_signature(version, signature="", actor=admin)
    wrong = base64.b64encode(private.sign(text.encode() + b"\n")).decode()
    with pytest.raises(Invalid, match="No key of Orbit Works"):
        keys.add_signature(version, signature=wrong, actor=creator)
    keys.add_signature(version, signature=base64.b64encode(private.sign(text.encode())).decode(), actor=creator)
    Publisher.objects.filter(pk=orbit.pk).update(signs_from=timezone.now() - timedelta(days=1))
    version.extension.refresh_from_db()
    verify(version)
    key.revoked_at, key.revoke_reason = timezone.now(), "Lost."
    key.save()
    with pytest.raises(NotVouched):
        verify(version)


def test_the_page_shows_the_line_to_copy_and_checks_it(names, orbit, client_of, creator, stranger, workspace):
    browser, at = client_of(creator), [workspace.slug, orbit.pk]
    page = reverse("registry:publisher-detail", args=at)
    browser.post(reverse("registry:publisher-domain", args=at), {"domain": "orbit.example"})
    orbit.refresh_from_db()
    line = f"_galaxy-publisher.orbit.example. 3600 IN TXT &quot;galaxy-publisher={orbit.token}&quot;"
    assert line in browser.get(page).content.decode().replace('TXT "', "TXT &quot;").replace(
        f'{orbit.token}"', f"{orbit.token}&quot;"
    )
    check = reverse("registry:publisher-proof", args=at)
    assert "not there yet" in browser.post(check, follow=True).content.decode()
    names.records[orbit.record_name] = [f'"{orbit.record_text}"']
    assert "Proven by DNS" in browser.post(check, follow=True).content.decode()
    answer = browser.post(reverse("registry:publisher-domain", args=at), {"domain": "co.uk"})
    assert (answer.status_code, "belong to many" in answer.content.decode()) == (422, True)


def test_the_desk_sees_every_publisher_and_a_workspace_its_own(orbit, desk, client_of, creator, workspace):
    publisher_named("Galaxy")
    theirs = client_of(creator).get(reverse("registry:publisher-list", args=[workspace.slug])).content.decode()
    desks = client_of(desk.reviewer).get(reverse("registry:publisher-list", args=[desk.workspace.slug]))
    assert ("Orbit Works" in theirs, ">Galaxy</a>" in theirs) == (True, False)
    assert all(f">{name}</a>" in desks.content.decode() for name in ("Orbit Works", "Galaxy"))
    page = reverse("registry:publisher-detail", args=[desk.workspace.slug, orbit.pk])
    assert "Vouch for the name" in client_of(desk.reviewer).get(page).content.decode()
    vouch = reverse("registry:publisher-vouch", args=[desk.workspace.slug, orbit.pk])
    assert client_of(desk.reviewer).post(vouch, {"reason": "Known."}).status_code == 302
    assert Publisher.objects.get(pk=orbit.pk).proof == "staff"


def test_lists_of_publishers_and_keys_ask_the_same_at_few_and_at_many(
    orbit, client_of, creator, workspace, django_assert_num_queries
):
    browser = client_of(creator)
    pages = [reverse(f"registry:{name}", args=[workspace.slug]) for name in ("publisher-list", "key-list")]
    add = lambda row, number: keys.add_key(  # noqa: E731
        row, public=base64.b64encode(number.to_bytes(32, "big")).decode(), actor=creator
    )
    add(orbit, 1)
    counts = []
    for page in pages:
        browser.get(page)
        with CaptureQueriesContext(connection) as few:
            browser.get(page)
        counts.append(len(few))
    for number in range(2, MOST_UNPROVEN + 1):
        add(claim_name(workspace, name=f"Made-up {_WORDS[number % 8]} {_WORDS[number // 8]}", actor=creator), number)
    for page, count in zip(pages, counts, strict=True):
        with django_assert_num_queries(count):
            assert len(browser.get(page).context["page"].object_list) == MOST_UNPROVEN
