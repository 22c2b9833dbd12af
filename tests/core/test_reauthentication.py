"""Dangerous acts ask who is there: by password, code or passkey, or by signing in again; what was typed is kept."""

import re
import time
from html import unescape

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from galaxy.core.models import AuditEvent, Membership, RoleGroup, Token, Workspace
from galaxy.core.recent_proof import KEPT, KEPT_BYTES, KEPT_S
from galaxy.core.sessions import BEGAN
from galaxy.core.tokens import API_PERMISSIONS, create_token
from tests.core.test_second_factor import code_of, set_up
from tests.factories import PASSWORD
from tests.matrix.routes import table
from tests.matrix.scene import scene, shared_cast, shared_things  # noqa: F401  (fixtures)

CONFIRM, PROOF = "/account/reauthenticate/", "/account/proof/"
HOUR_S = 3600
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture(autouse=True)
def unhurried(settings):
    settings.ACCOUNT_RATE_LIMITS = False


def sign_in_earlier(user, **headers) -> Client:
    """A browser in which ``user`` signed in an hour ago."""
    client = Client(headers=headers or None)
    client.force_login(user, backend=BACKEND)
    make_old(client)
    return client


def make_old(client) -> None:
    session = client.session
    session[BEGAN] -= HOUR_S
    session.save()


def role(name) -> RoleGroup:
    return RoleGroup.objects.get(role=name)


def the(name, *args) -> str:
    return reverse(f"core:{name}", args=["meridian", *args])


def resend(client, page: str):
    """Press the one button of the page that shows the kept act."""
    form = re.search(r'<form class="form" method="post" action="([^"]+)">(.*?)</form>', page, re.S)
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[2]):
        fields.setdefault(unescape(name), []).append(unescape(value))
    return client.post(unescape(form[1]), fields)


def _asked(page: str) -> str:
    """The page itself, without the dialog that offers to stay signed in on every page."""
    return re.search(r"<main.*?</main>", page, re.S)[0]


@pytest.fixture
def acts(cast, things):
    """Every dangerous act of the workspace's pages: (address, what a correct form sends)."""
    member, admin = (Membership.objects.get(user=cast[name]) for name in ("member", "admin"))
    token = {"name": "Script", "days": "30", "permissions": ["runs.read"]}
    return {
        "ownership": (the("member-ownership", admin.pk), {}),
        "removal": (the("member-removal", member.pk), {"reason": "Gone"}),
        "to owner": (the("member-role", member.pk), {"role": str(role("owner").pk)}),
        "new role": (the("role-create"), {"name": "Shift", "permissions": ["view_run"]}),
        "role": (the("role-detail", things["role"].pk), {"name": "Desk", "permissions": ["view_run", "view_member"]}),
        "role's end": (the("role-removal", things["role"].pk), {}),
        "token": (the("token-list"), token),
        "agent's token": (reverse("agents:agent-token", args=["meridian", things["agent"].pk]), token),
        "factor": (the("workspace-settings"), {"requires_second_factor": "false"}),
        "retention": (the("retention-rule-create"), {"prefix": "", "keep_days": "400"}),
        "shorter retention": (the("retention-rule-change", things["retention_rule"].pk), {"keep_days": "30"}),
        "retention's end": (the("retention-rule-removal", things["retention_rule"].pk), {}),
        "hold's end": (the("legal-hold-release", things["legal_hold"].pk), {"reason": "The claim is settled."}),
    }


ACTS = ["ownership", "removal", "to owner", "new role", "role", "role's end", "token", "agent's token", "factor"]
ACTS += ["retention", "shorter retention", "retention's end", "hold's end"]


@pytest.mark.asvs("7.5.3")
@pytest.mark.parametrize("act", ACTS)
def test_an_old_session_is_asked_and_a_fresh_one_is_not(owner, workspace, acts, act):
    url, sent = acts[act]
    client = sign_in_earlier(owner)
    newest = AuditEvent.objects.latest("id").pk
    answer = client.post(url, sent, headers={"Referer": f"http://testserver{url}"})
    assert (answer.status_code, answer["Location"]) == (302, PROOF)
    assert not AuditEvent.objects.filter(pk__gt=newest).exists(), "nothing was done"
    assert client.get(PROOF)["Location"] == f"{CONFIRM}?next=%2Faccount%2Fproof%2F"

    back = client.post(CONFIRM, {"password": PASSWORD, "next": PROOF})
    assert (back.status_code, back["Location"]) == (302, PROOF)
    page = client.get(PROOF).content.decode()
    assert "Nothing was done yet, and what you typed is kept" in page
    done = resend(client, page)
    assert done.status_code in {200, 302} and done.headers.get("Location") != PROOF
    if act != "factor":  # it was not required anyway
        assert AuditEvent.objects.filter(pk__gt=newest, actor_id=str(owner.pk)).exists()
    assert KEPT not in client.session, "done once, it is not offered again"


def test_what_a_fresh_session_sends_is_done_at_once(client_of, owner, workspace, acts):
    url, sent = acts["token"]
    assert client_of(owner).post(url, sent).status_code == 200
    assert Token.objects.filter(name="Script").count() == 1


def test_every_field_is_kept_as_it_was_typed(owner, workspace):
    client = sign_in_earlier(owner)
    name = "Night & <Day> “shift”"
    client.post(the("role-create"), {"name": name, "permissions": ["view_run", "view_member"]})
    client.post(CONFIRM, {"password": PASSWORD, "next": PROOF})
    page = client.get(PROOF).content.decode()
    assert "<Day>" not in page
    assert resend(client, page).status_code == 302
    made = RoleGroup.objects.get(name=name)
    assert set(made.group.groupobjectpermission_set.values_list("permission__codename", flat=True)) == {
        "view_run",
        "view_member",
    }


def test_a_role_that_owns_nothing_changes_without_being_asked(owner, workspace, cast):
    target = Membership.objects.get(user=cast["member"])
    client = sign_in_earlier(owner)
    assert client.post(the("member-role", target.pk), {"role": str(role("auditor").pk)})["Location"] != PROOF
    assert Membership.objects.get(pk=target.pk).role == "auditor"


def test_taking_ownership_away_is_asked_as_well(owner, admin, workspace):
    Membership.objects.filter(user=admin).update(role="owner")
    target = Membership.objects.get(user=admin)
    answer = sign_in_earlier(owner).post(the("member-role", target.pk), {"role": str(role("member").pk)})
    assert answer["Location"] == PROOF
    assert Membership.objects.get(pk=target.pk).role == "owner"


@pytest.mark.parametrize("act", ["ownership", "removal", "new role", "agent's token", "factor"])
def test_who_may_not_is_told_so_instead_of_being_asked(member, workspace, acts, act, cast):
    url, sent = acts[act]
    if act == "removal":
        url = the("member-removal", Membership.objects.get(user=cast["auditor"]).pk)
    assert sign_in_earlier(member).post(url, sent).status_code == 403


@pytest.mark.asvs("6.3.1")
def test_a_wrong_password_is_refused_and_the_tries_are_counted(owner, workspace, settings, acts):
    settings.ACCOUNT_RATE_LIMITS = {"reauthenticate": "3/m/user"}
    cache.clear()
    client = sign_in_earlier(owner)
    url, sent = acts["token"]
    client.post(url, sent)
    for _ in range(3):
        answer = client.post(CONFIRM, {"password": "wrong horse battery", "next": PROOF})
        assert answer.status_code == 200 and "password" in answer.content.decode()
    assert client.post(CONFIRM, {"password": PASSWORD, "next": PROOF}).status_code == 429
    assert client.get(PROOF)["Location"].startswith(CONFIRM)
    assert client.post(url, sent)["Location"] == PROOF
    assert not Token.objects.filter(name="Script").exists()


def test_a_proof_grows_old(owner, workspace, acts, settings):
    url, sent = acts["token"]
    client = sign_in_earlier(owner)
    client.post(CONFIRM, {"password": PASSWORD, "next": PROOF})
    assert client.post(url, sent).status_code == 200
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    assert client.post(url, sent)["Location"] == PROOF


def test_another_persons_proof_does_not_count(owner, admin, workspace, acts):
    """The records of who proved what carry the person's id, and another person's sign-in takes all of them away."""
    url, sent = acts["token"]
    theirs = Client()
    theirs.post("/account/login/", {"login": admin.email, "password": PASSWORD})
    names = ("account_authentication_methods", "account_authentication_methods_user")
    proofs = {key: theirs.session[key] for key in names}
    client = sign_in_earlier(owner)
    session = client.session
    for key, value in proofs.items():
        session[key] = [value[0] | {"reauthenticated": True}] if isinstance(value, list) else value
    session.save()
    assert client.post(url, sent)["Location"] == PROOF


def test_an_act_kept_for_another_person_is_not_shown(owner, admin, workspace, acts):
    client = sign_in_earlier(owner)
    client.post(*acts["removal"])
    session = client.session
    session[KEPT] = session[KEPT] | {"user": str(admin.pk)}
    session.save()
    assert client.get(PROOF)["Location"] == "/"


def test_an_act_is_kept_for_a_quarter_of_an_hour(owner, workspace, acts):
    client = sign_in_earlier(owner)
    client.post(*acts["removal"])
    session = client.session
    session[KEPT] = session[KEPT] | {"at": int(time.time()) - KEPT_S - 1}
    session.save()
    assert client.get(PROOF)["Location"] == "/"


def test_what_is_too_large_to_keep_is_not_kept_and_says_so(owner, workspace, acts):
    client = sign_in_earlier(owner)
    client.post(the("member-ownership", Membership.objects.get(user=owner).pk), {"x": "y" * KEPT_BYTES})
    client.post(CONFIRM, {"password": PASSWORD, "next": PROOF})
    page = client.get(PROOF).content.decode()
    assert "Nothing was done yet." in page and "<form" not in _asked(page)


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_led_elsewhere(owner, workspace, acts, place):
    client = sign_in_earlier(owner)
    url, sent = acts["removal"]
    client.post(url, sent, headers={"Referer": place})
    assert client.session[KEPT]["back"] == "/"
    assert client.post(CONFIRM, {"password": PASSWORD, "next": place})["Location"] == "/"
    assert "evil" not in _asked(client.get(f"{PROOF}?next={place}").content.decode())


def test_a_path_that_reads_as_a_host_is_no_way_back(owner, workspace, acts):
    client = sign_in_earlier(owner)
    url, sent = acts["removal"]
    client.post(url, sent, headers={"Referer": "http://testserver//evil.example/"})
    assert client.session[KEPT]["back"] == "/"


def test_htmx_takes_the_whole_browser_to_the_question(owner, workspace, acts):
    url, sent = acts["removal"]
    page = f"http://testserver{url}"
    answer = sign_in_earlier(owner).post(url, sent, headers={"HX-Request": "true", "HX-Current-URL": page})
    assert (answer["HX-Redirect"], answer.content) == (PROOF, b"")


def test_an_address_without_an_act_leads_to_the_start(client_of, owner, workspace):
    assert client_of(owner).get(PROOF)["Location"] == "/"


def test_a_code_is_proof_too(owner, workspace, acts):
    client = Client()
    client.force_login(owner, backend=BACKEND)
    secret = set_up(client)
    owner.set_unusable_password()
    owner.save()
    client = sign_in_earlier(owner)
    url, sent = acts["token"]
    client.post(url, sent)
    way = client.get(PROOF)["Location"]
    assert way.startswith(reverse("mfa_reauthenticate"))
    wrong = client.post(reverse("mfa_reauthenticate"), {"code": "000000", "next": PROOF})
    assert wrong.status_code == 200
    code = code_of(secret, time.time() + 30)
    assert client.post(reverse("mfa_reauthenticate"), {"code": code, "next": PROOF})["Location"] == PROOF
    assert resend(client, client.get(PROOF).content.decode()).status_code == 200


def test_who_has_neither_password_nor_second_factor_signs_in_again(owner, workspace, acts):
    """As their company signs them in: allauth would let such an account pass, with any session however old."""
    owner.set_unusable_password()
    owner.save()
    client = sign_in_earlier(owner)
    url, sent = acts["removal"]
    client.post(url, sent, headers={"Referer": f"http://testserver{url}"})
    page = client.get(PROOF)
    assert page.status_code == 200 and "your company signs you in" in page.content.decode()
    again = unescape(re.search(r'name="next" value="([^"]+)"', _asked(page.content.decode()))[1])
    out = client.post(reverse("account_logout"), {"next": again})
    assert out["Location"].startswith("/account/login/?next=") and "member" in out["Location"]
    client.force_login(owner, backend=BACKEND)
    assert client.post(url, sent)["Location"] == the("member-list")


@pytest.mark.parametrize(
    "name", ["mfa_activate_totp", "mfa_add_webauthn", "mfa_generate_recovery_codes", "account_set_password"]
)
def test_an_old_session_without_password_changes_nothing_of_signing_in(owner, workspace, name):
    owner.set_unusable_password()
    owner.save()
    client = sign_in_earlier(owner)
    for send in (client.get, client.post):
        assert send(reverse(name))["Location"] == PROOF, name
    assert not Authenticator.objects.filter(user=owner).exists()
    client.force_login(owner, backend=BACKEND)
    assert client.get(reverse(name)).headers.get("Location") != PROOF


@pytest.mark.asvs("10.3.4")
def test_tokens_open_none_of_these_acts(owner, workspace, acts):
    """A page does not read the header at all, and the API has no address for any of them."""
    text = create_token(workspace, name="All", permissions=tuple(API_PERMISSIONS), days=1, actor=owner)[1]
    before = AuditEvent.objects.latest("id").pk
    for url, sent in acts.values():
        answer = Client(headers={"Authorization": f"Bearer {text}"}).post(url, sent)
        assert answer["Location"].startswith("/account/login/"), url
    assert not AuditEvent.objects.filter(pk__gt=before).exists()
    assert not Workspace.objects.get(pk=workspace.pk).requires_second_factor
    words = "member|role|owner|token|setting|factor|support"
    assert {name for name in posts_of_the_api() if re.search(words, name)} <= {"api:token-revocation"}


def posts_of_the_api() -> list[str]:
    """Names of the routes of the API that take a POST."""
    return [row.route for row in table() if row.route.startswith("api:") and row.method == "POST"]
