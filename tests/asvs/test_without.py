"""Controls are taken away, one at a time, and each check has to notice: a test that passes without its control proves
nothing. The walls of the sandbox are taken away by ``make escape``."""

from collections.abc import Callable

import pytest
from django.conf import settings as django_settings
from django.db import DatabaseError, connections, transaction
from django.test import Client
from django.urls import reverse

from galaxy.core.egress import addresses
from galaxy.core.models import AuditEvent, Membership
from galaxy.core.recent_proof import ProofNeeded
from galaxy.core.scope import workspace_scope
from galaxy.core.sessions import BEGAN
from galaxy.core.vault.envelope import Place
from policies.models import Approval
from tests.asvs import test_answers, test_passwords
from tests.core import test_headers, test_walls
from tests.core.egress import test_broker
from tests.core.vault import test_envelope

noticed = pytest.raises(AssertionError)


@pytest.fixture
def as_owner(cast):
    """The tables' owner in a transaction of their own, in Meridian, taken back whatever it did."""
    with workspace_scope([cast["meridian"].pk]), transaction.atomic(using="owner"):
        yield connections["owner"]
        transaction.set_rollback(True, using="owner")


both = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@both
@pytest.mark.asvs("8.4.1")
@pytest.mark.parametrize("change", ["NO FORCE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"])
def test_a_table_without_its_wall_is_noticed(as_owner, monkeypatch, change):
    monkeypatch.setattr(test_walls, "connection", as_owner)
    test_walls.test_every_table_with_a_workspace_has_a_forced_wall(None)
    with as_owner.cursor() as cursor:
        cursor.execute(f"ALTER TABLE registry_pin {change}")
    with noticed:
        test_walls.test_every_table_with_a_workspace_has_a_forced_wall(None)


@both
@pytest.mark.asvs("16.4.2")
def test_a_trail_that_can_be_changed_is_noticed(as_owner):
    def change() -> None:
        with transaction.atomic(using="owner"), as_owner.cursor() as cursor:
            cursor.execute("UPDATE core_auditevent SET action = 'x.y'")

    with pytest.raises(DatabaseError, match="append-only"):
        change()
    with as_owner.cursor() as cursor:
        cursor.execute("ALTER TABLE core_auditevent DISABLE TRIGGER USER")
    change()
    assert set(AuditEvent.objects.using("owner").values_list("action", flat=True)) == {"x.y"}


@both
@pytest.mark.asvs("2.3.5")
def test_approvals_without_their_triggers_are_noticed(cast, as_owner):
    from uuid import uuid4

    from policies.services.approvals import request_approval

    with workspace_scope([cast["meridian"].pk]):
        waiting = request_approval(
            cast["meridian"], summary="Delete", subject_kind="run", subject_id=uuid4(), bound={"a": 1}, facts={},
            requested_by=cast["creator"],
        )  # fmt: skip

    def approve() -> None:
        with transaction.atomic(using="owner"), as_owner.cursor() as cursor:
            cursor.execute(
                "UPDATE policies_approval SET status = 'approved', decided_at = clock_timestamp() WHERE id = %s",
                [waiting.pk],
            )
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(DatabaseError, match="approval_carried_by_votes"):
        approve()
    with as_owner.cursor() as cursor:
        cursor.execute("ALTER TABLE policies_approval DISABLE TRIGGER USER")
    approve()
    assert Approval.objects.using("owner").get(pk=waiting.pk).status == "approved"


def _headers(make: Callable, settings) -> None:
    test_headers.check(make("member").get("/help/"), "/help/")


def _transport(make: Callable, settings) -> None:
    settings.SECURE_SSL_REDIRECT = settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    settings.SECURE_HSTS_SECONDS = test_answers.YEAR_S
    test_answers.test_https_is_kept_to_for_a_year_on_each_answer(None, "/account/login/")


def _plain_http(make: Callable, settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    test_answers.test_pages_lead_to_https_and_programs_are_refused(None)


def _forgery(make: Callable, settings) -> None:
    forger = Client(enforce_csrf_checks=True)
    forger.cookies = make("member").cookies
    assert forger.post("/preferences/", {"theme": "dark"}).status_code == 403


def _bodies(make: Callable, settings) -> None:
    claimed = str(50 * 1_048_576)
    sent = make("member").post(
        reverse("bundles:bundle-list", args=["meridian"]), b"a=1", content_type="text/plain", CONTENT_LENGTH=claimed
    )
    assert sent.status_code == 413


def _idle(make: Callable, settings) -> None:
    client = make("member")
    settings.GALAXY_SESSION_IDLE_S = -1
    assert client.get("/preferences/").status_code == 302


def _strangers(make: Callable, settings) -> None:
    assert Client(raise_request_exception=False).get("/preferences/").status_code == 302


def _proof(make: Callable, settings) -> None:
    client, member = make("owner"), Membership.objects.filter(role="member").first()
    session = client.session
    session[BEGAN] -= 3600
    session.save()
    answer = client.post(reverse("core:member-removal", args=["meridian", member.pk]), {"reason": "Gone"})
    assert (answer.status_code, Membership.objects.filter(pk=member.pk).exists()) == (302, True)


def _parts(make: Callable, settings) -> None:
    """What htmx asks for and may not have is told to it, and no page of signing in is put into a page."""
    answer = Client().get("/help/", headers={"HX-Request": "true"})
    assert (answer.status_code, "HX-Redirect" in answer.headers) == (200, True)


MIDDLEWARE = {
    "django.middleware.security.SecurityMiddleware": _transport,
    "django.middleware.clickjacking.XFrameOptionsMiddleware": _headers,
    "csp.middleware.CSPMiddleware": _headers,
    "galaxy.core.middleware.HeadersMiddleware": _headers,
    "galaxy.core.middleware.PlainHttpMiddleware": _plain_http,
    "django.middleware.csrf.CsrfViewMiddleware": _forgery,
    "django.contrib.auth.middleware.LoginRequiredMiddleware": _strangers,
    "galaxy.core.sessions.SessionLimitsMiddleware": _idle,
    "galaxy.core.middleware.BodyLimitMiddleware": _bodies,
    "galaxy.core.middleware.ProblemMiddleware": _parts,
    "galaxy.core.recent_proof.RecentProofMiddleware": _proof,
}


@pytest.mark.asvs("3.4.3", "3.5.1", "5.2.1", "7.3.1", "7.5.3")
@pytest.mark.parametrize("name", MIDDLEWARE, ids=lambda name: name.rpartition(".")[2])
def test_a_middleware_that_is_taken_out_is_noticed(name, cast, client_of, settings, workspace):
    def make(who: str) -> Client:
        return client_of(cast[who])

    assert name in django_settings.MIDDLEWARE
    MIDDLEWARE[name](make, settings)
    settings.MIDDLEWARE = [one for one in django_settings.MIDDLEWARE if one != name]
    with pytest.raises((AssertionError, KeyError, AttributeError, ProofNeeded)):
        MIDDLEWARE[name](make, settings)


WEAK = {
    "MinimumLengthValidator": "x9-Qu!z77ab",
    "CommonPasswordValidator": "doomsayer.2.7mords.v",
    "PlaceWordsValidator": "qxv7-galaxy-admin",
    "GuessableValidator": "Summer2026!!!!",
}


@pytest.mark.asvs("6.2.1", "6.2.4", "6.2.11", "6.2.12")
@pytest.mark.parametrize("name", WEAK)
def test_a_rule_of_passwords_that_is_taken_out_is_noticed(name, settings):
    assert test_passwords.refused(WEAK[name])
    rules = settings.AUTH_PASSWORD_VALIDATORS
    settings.AUTH_PASSWORD_VALIDATORS = [rule for rule in rules if not rule["NAME"].endswith(f".{name}")]
    assert len(settings.AUTH_PASSWORD_VALIDATORS) == len(rules) - 1
    assert not test_passwords.refused(WEAK[name])


@pytest.mark.asvs("1.3.6")
def test_a_broker_that_believes_every_address_is_noticed(monkeypatch):
    inner = ["93.184.216.34", test_broker.METADATA]
    test_broker.test_one_address_that_is_not_public_spoils_the_name(inner)
    monkeypatch.setattr(addresses, "refusal", lambda address: None)
    for module in _importers_of("refusal"):
        monkeypatch.setattr(module, "refusal", lambda address: None)
    with pytest.raises((AssertionError, KeyError)):
        test_broker.test_one_address_that_is_not_public_spoils_the_name(inner)


def _importers_of(name: str) -> list:
    import sys

    found = [module for key, module in sys.modules.items() if key.startswith("galaxy.core.egress.")]
    return [module for module in found if name in vars(module)]


@pytest.mark.asvs("11.3.3")
def test_a_text_sealed_for_no_place_is_noticed(monkeypatch):
    test_envelope.test_each_part_of_the_place_is_authenticated()
    monkeypatch.setattr(Place, "authenticated", lambda self, *columns: [b"" for _ in columns])
    with pytest.raises(pytest.fail.Exception):
        test_envelope.test_each_part_of_the_place_is_authenticated()


@pytest.mark.asvs("8.2.1")
def test_a_route_that_lets_everybody_in_is_noticed(client_of, member, workspace, monkeypatch):
    path = reverse("core:audit-list", args=[workspace.slug])
    assert client_of(member).get(path).status_code == 403
    monkeypatch.setattr("galaxy.core.views.audit.require", lambda *asked, **more: None)
    assert client_of(member).get(path).status_code == 200, "then the table of tests/matrix does not hold"
