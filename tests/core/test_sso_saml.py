"""Coming in by SAML: an answer of pysaml2's provider, and every kind of answer that must not open anything."""

import copy
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client
from lxml import etree

from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.sso import views
from galaxy.core.sso.configuration import SamlProvider
from tests.peers.saml import ENTITY_ID, SamlPeer, encode

BEGIN, ACS, FINISH = (f"/account/sso/saml/{name}/" for name in ("sign-in", "acs", "finish"))
HERE, US = f"http://testserver{ACS}", "http://testserver/account/sso/saml/metadata/"
NS = {
    "p": "urn:oasis:names:tc:SAML:2.0:protocol",
    "a": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
BY_ADDRESS = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"


@pytest.fixture(scope="module")
def peers(tmp_path_factory):
    """The provider, and another one that signs with a key of its own in the provider's name."""
    return [SamlPeer(tmp_path_factory.mktemp(name)) for name in ("idp", "stranger")]


@pytest.fixture
def peer(peers, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    settings.GALAXY_SSO = (
        SamlProvider(
            name="Entra",
            domains=frozenset({"example.test"}),
            trusts_email=True,
            entity_id=ENTITY_ID,
            sso_url=peers[0].sso_url,
            certificates=(peers[0].certificate,),
            email_attribute="",
            own_entity_id="",
        ),
    )
    for one in peers:
        one.consumer = Client().get("/account/sso/saml/metadata/").content.decode()
    return peers[0]


@pytest.fixture
def reasons(monkeypatch):
    found = []
    monkeypatch.setattr(views.log, "warning", lambda event, **words: found.append(words["reason"]))
    return found


@pytest.fixture
def client():
    return Client()


def begin(client: Client, peer, **form) -> str:
    """Press the button; returns the id of the request the browser carries to the provider."""
    response = client.post(BEGIN, form)
    assert response["Location"].startswith(peer.sso_url)
    return peer.request_id(response["Location"])


def answer(peer, asked: str, person, **changes) -> str:
    honest = {"in_response_to": asked, "destination": HERE, "audience": US, "attributes": {"mail": person.email}}
    return peer.respond(**honest | changes)


def post(client: Client, xml: str | bytes):
    """What the provider's page makes the browser do: without its session, and then with it."""
    response = client.post(ACS, {"SAMLResponse": encode(xml), "RelayState": "https://evil.example/"})
    return client.get(response["Location"]) if response.status_code == 302 else response


def opens_nothing(client: Client, response) -> bool:
    words = response.content.decode()
    assert "You are not signed in" in words
    assert "To the sign-in page" in words
    return response.status_code == 403 and "_auth_user_id" not in client.session and not SocialAccount.objects.exists()


@pytest.mark.django_db
def test_an_account_is_tied_to_the_identity_and_signed_in(client, peer, member, workspace):
    asked = begin(client, peer, next=workspace.get_absolute_url())
    response = post(client, answer(peer, asked, member))
    assert (response.status_code, response["Location"]) == (302, workspace.get_absolute_url())
    assert client.session["_auth_user_id"] == str(member.pk)
    actions = AuditEvent.objects.in_workspace(workspace).filter(target_id=str(member.pk)).order_by("id")
    assert list(actions.values_list("action", flat=True)) == ["identity.linked", "session.started"]
    assert AuditDetail.objects.get(event_id=actions.last().pk).fields["data.provider"] == "saml"


@pytest.mark.asvs("6.8.2")
@pytest.mark.django_db
def test_a_signature_on_the_assertion_alone_is_enough_and_one_on_the_envelope_is_not(client, peer, member, reasons):
    assert post(client, answer(peer, begin(client, peer), member, sign_response=False)).status_code == 302
    other = Client()
    assert post(other, answer(peer, begin(other, peer), member, sign_assertion=False)).status_code == 403
    assert reasons == ["unsigned"]


@pytest.mark.django_db
def test_relay_state_and_next_lead_nowhere_else(client, peer, member):
    asked = begin(client, peer, next="https://evil.example/")
    assert post(client, answer(peer, asked, member))["Location"] == "/"


@pytest.mark.asvs("6.8.2", "9.1.1")
@pytest.mark.django_db
def test_another_key_is_refused(client, peer, peers, member, reasons):
    asked = begin(client, peer)
    assert opens_nothing(client, post(client, answer(peers[1], asked, member)))
    assert reasons == ["saml_42"]  # INVALID_SIGNATURE


@pytest.mark.django_db
@pytest.mark.parametrize("destination", ["http://testserver/elsewhere/", f"{HERE}more/", f"http://evil.example{ACS}"])
def test_an_answer_sent_for_another_address_is_refused(client, peer, member, reasons, destination):
    assert opens_nothing(client, post(client, answer(peer, begin(client, peer), member, destination=destination)))
    assert len(reasons) == 1


@pytest.mark.asvs("6.8.3")
@pytest.mark.django_db
def test_an_answer_is_used_once_by_whoever_has_it(client, peer, member, reasons):
    xml = answer(peer, begin(client, peer), member)
    assert post(client, xml).status_code == 302
    for thief in (client, Client()):
        response = thief.post(ACS, {"SAMLResponse": encode(xml)})
        assert response.status_code == 403
    assert reasons == ["replayed", "replayed"]


@pytest.mark.django_db
def test_an_answer_to_somebody_else_s_request_is_refused(client, peer, member, reasons):
    """Else one could sign a victim in as oneself, and read what they do then."""
    theirs = begin(Client(), peer)
    begin(client, peer)
    assert opens_nothing(client, post(client, answer(peer, theirs, member)))
    assert opens_nothing(client, post(client, answer(peer, "_made-up", member)))
    assert reasons == ["unknown_state", "unknown_state"]


@pytest.mark.django_db
def test_a_picked_up_answer_is_gone(client, peer, member, reasons):
    asked = begin(client, peer)
    client.post(ACS, {"SAMLResponse": encode(answer(peer, asked, member))})
    assert opens_nothing(Client(), Client().get(FINISH))
    cookie = client.cookies["galaxy-saml"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (FINISH, True, "Lax")
    assert client.get(FINISH).status_code == 302
    assert client.get(FINISH).status_code == 403
    assert reasons == ["nothing_to_finish", "nothing_to_finish"]


def resigned(peer, xml: str, change) -> str:
    """``xml`` after ``change(root)``, the assertion signed again by xmlsec1 with the provider's own key."""
    root = etree.fromstring(xml.encode())
    change(root)
    for old in root.xpath("./ds:Signature", namespaces=NS):
        root.remove(old)
    assertion = root.find("a:Assertion", NS)
    for name in ("DigestValue", "SignatureValue"):
        assertion.find(f".//ds:{name}", NS).text = ""
    return peer.server.sec.sign_statement(
        etree.tostring(root).decode(),
        "urn:oasis:names:tc:SAML:2.0:assertion:Assertion",
        key_file=str(peer.folder / "idp.key"),
        node_id=assertion.get("ID"),
    )


def drop(path: str, attribute: str = ""):
    def change(root):
        for node in root.xpath(path, namespaces=NS):
            if attribute:
                del node.attrib[attribute]
            else:
                node.getparent().remove(node)

    return change


def put(path: str, attribute: str, value: str):
    def change(root):
        for node in root.xpath(path, namespaces=NS):
            node.set(attribute, value)

    return change


def for_somebody_else(root):
    root.find(".//a:Audience", NS).text = "https://other.example/metadata"


CONFIRMATION = "//a:SubjectConfirmationData"
PAST = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
FUTURE = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.asvs("9.2.1", "9.2.3")
@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        put("//a:Conditions", "NotOnOrAfter", PAST),
        put("//a:Conditions", "NotBefore", FUTURE),
        put(CONFIRMATION, "NotOnOrAfter", PAST),
        drop(CONFIRMATION, "NotOnOrAfter"),
        put(CONFIRMATION, "InResponseTo", "_another"),
        drop(CONFIRMATION, "InResponseTo"),
        drop("/p:Response", "InResponseTo"),
        put(CONFIRMATION, "Recipient", f"http://evil.example/?{HERE}"),
        drop(CONFIRMATION, "Recipient"),
        drop("/p:Response", "Destination"),
        put("/p:Response", "Destination", f"{HERE}?x"),
        for_somebody_else,
        drop("//a:AudienceRestriction"),
        drop("//a:SubjectConfirmation"),
        put("//a:SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
        drop("//a:AuthnStatement"),
        put("//p:StatusCode", "Value", "urn:oasis:names:tc:SAML:2.0:status:Responder"),
    ],
)
def test_even_the_provider_s_own_signature_needs_time_request_and_addressee(client, peer, member, reasons, change):
    xml = resigned(peer, answer(peer, begin(client, peer), member), change)
    assert opens_nothing(client, post(client, xml))
    assert len(reasons) == 1


@pytest.mark.django_db
def test_signing_anew_by_itself_changes_nothing(client, peer, member):
    """The control of the case above: what was refused there was the change."""
    xml = resigned(peer, answer(peer, begin(client, peer), member), lambda root: None)
    assert post(client, xml).status_code == 302


def tampered(root, victim: str):
    """Another person's address in the signed assertion."""
    root.find(".//a:AttributeValue", NS).text = victim


def _evil(root, victim: str):
    """A copy of the assertion that names the victim, without a signature."""
    evil = copy.deepcopy(root.find("a:Assertion", NS))
    evil.remove(evil.find("ds:Signature", NS))
    evil.find(".//a:AttributeValue", NS).text = victim
    return evil


def evil_first(root, victim: str):
    evil = _evil(root, victim)
    evil.set("ID", "_evil")
    root.insert(list(root).index(root.find("a:Assertion", NS)), evil)


def evil_last_same_id(root, victim: str):
    root.append(_evil(root, victim))


def original_in_extensions(root, victim: str):
    """XSW: the signed assertion moves where nobody looks, the forged one takes its place."""
    honest, evil = root.find("a:Assertion", NS), _evil(root, victim)
    evil.set("ID", "_evil")
    root.replace(honest, evil)
    extensions = etree.SubElement(root, f"{{{NS['p']}}}Extensions")
    extensions.append(honest)
    root.insert(1, extensions)


def original_in_signature(root, victim: str):
    """XSW: the forged assertion carries the honest signature, and the honest assertion lies inside it."""
    honest, evil = root.find("a:Assertion", NS), _evil(root, victim)
    root.replace(honest, evil)
    signature = honest.find("ds:Signature", NS)
    honest.remove(signature)
    evil.insert(1, signature)
    etree.SubElement(signature, f"{{{NS['ds']}}}Object").append(honest)


def evil_around(root, victim: str):
    """XSW: the forged assertion holds the honest one."""
    honest, evil = root.find("a:Assertion", NS), _evil(root, victim)
    evil.set("ID", "_evil")
    root.replace(honest, evil)
    evil.append(honest)


def without_signature(root, victim: str):
    root.replace(root.find("a:Assertion", NS), _evil(root, victim))


@pytest.mark.asvs("6.8.2")
@pytest.mark.django_db
@pytest.mark.parametrize("both", [True, False], ids=["envelope signed too", "assertion signed"])
@pytest.mark.parametrize(
    "attack",
    [
        tampered,
        evil_first,
        evil_last_same_id,
        original_in_extensions,
        original_in_signature,
        evil_around,
        without_signature,
    ],
)
def test_wrapping_does_not_make_somebody_else_of_one(client, peer, member, owner, reasons, attack, both):
    root = etree.fromstring(answer(peer, begin(client, peer), member, sign_response=both).encode())
    attack(root, owner.email)
    assert opens_nothing(client, post(client, etree.tostring(root)))
    assert len(reasons) == 1


@pytest.mark.django_db
def test_a_comment_does_not_shorten_an_address(client, peer, member, owner, reasons):
    """Comments are outside the signature: whoever owns ``a@example.test.evil.example`` could cut their own address."""
    honest = f"{owner.email}.evil.example"
    xml = answer(peer, begin(client, peer), member, attributes={"mail": honest})
    cut = xml.replace(honest, f"{owner.email}<!-- -->.evil.example")
    assert cut != xml
    assert opens_nothing(client, post(client, cut))
    assert reasons == ["foreign_domain"]  # the signature holds, and so does the whole address


@pytest.mark.asvs("1.5.1")
@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    [
        "",
        "%%%",
        encode("not xml"),
        encode('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'),
        encode("<r/>"),
        encode("<a>" * 50_000),
    ],
    ids=["nothing", "no base64", "no xml", "entity", "other xml", "deep"],
)
def test_what_cannot_be_read_is_refused(client, peer, reasons, text):
    response = client.post(ACS, {"SAMLResponse": text})
    assert (response.status_code, len(reasons)) == (403, 1)
    assert "root:" not in response.content.decode()


@pytest.mark.django_db
def test_a_passing_name_and_two_addresses_name_nobody(client, peer, member, reasons):
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    post(client, answer(peer, begin(client, peer), member, subject_format=transient))
    two = {"mail": [member.email, "owner@example.test"]}
    post(client, answer(peer, begin(client, peer), member, attributes=two))
    assert reasons == ["transient_subject", "no_address"]


@pytest.mark.django_db
def test_the_name_may_be_the_address(client, peer, member):
    asked = begin(client, peer)
    xml = answer(peer, asked, member, attributes={}, subject=member.email, subject_format=BY_ADDRESS)
    assert post(client, xml).status_code == 302


@pytest.mark.django_db
def test_a_used_assertion_is_kept_where_every_process_sees_it(client, peer, member):
    """Not in this process: nothing of ours is left of the first sign-in but what the shared cache holds."""
    xml = answer(peer, begin(client, peer), member)
    post(client, xml)
    assertion = etree.fromstring(xml.encode()).find("a:Assertion", NS).get("ID")
    name = hashlib.sha256(f"{ENTITY_ID}\n{assertion}".encode()).hexdigest()
    left_s = cache._cache.get_client().ttl(cache.make_key(f"galaxy:sso:assertion:{name}"))
    assert 5 * 60 < left_s <= 5 * 60 + 600


@pytest.mark.asvs("6.8.3")
@pytest.mark.django_db
def test_of_many_at_once_one_takes_the_answer(client, peer, member):
    form = {"SAMLResponse": encode(answer(peer, begin(client, peer), member))}
    with ThreadPoolExecutor(8) as threads:  # taking it asks no database, so nothing here shares a connection
        answers = [found.status_code for found in threads.map(lambda _: Client().post(ACS, form), range(8))]
    assert sorted(answers) == [302] + [403] * 7


@pytest.mark.django_db
def test_the_metadata_tells_the_provider_where_answers_go(client, peer):
    response = client.get("/account/sso/saml/metadata/")
    root = etree.fromstring(response.content)
    assert (root.get("entityID"), response["Content-Type"]) == (US, "application/samlmetadata+xml")
    service = root.find(".//{*}AssertionConsumerService")
    assert (service.get("Location"), root.find("{*}SPSSODescriptor").get("WantAssertionsSigned")) == (HERE, "true")
