"""Tokens at the door: hashed, scoped, expiring, revocable, and dead with whoever they are of."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.response import Response

from galaxy.core.agents import person_left
from galaxy.core.api.views import WorkspaceView
from galaxy.core.models import AuditEvent, Membership, Token
from galaxy.core.scope import workspace_scope
from galaxy.core.tokens import MOST_LIVE, TooManyTokens, create_token, revoke_token
from tests.api.conftest import url


def code_of(response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_a_token_says_who_asks_and_what_it_opens(api, token_of, member):
    found = api(token_of(member, "runs.read")).get("/api/v1/me/").json()
    assert found["person"]["name"] == member.name
    assert found["agent"] is None
    assert found["token"]["permissions"] == ["runs.read"]
    assert [one["slug"] for one in found["workspaces"]] == ["meridian"]


@pytest.mark.asvs("13.3.1")
def test_only_its_hash_is_kept(workspace, member):
    token, text = create_token(workspace, name="CI", permissions=["runs.read"], days=1, actor=member)
    assert text.startswith("gxy_")
    assert len(text) == 47  # 256 random bits in base64
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM core_token t")
        assert text not in str(cursor.fetchall())
        cursor.execute("SELECT fields::text FROM core_auditdetail")
        assert text not in str(cursor.fetchall())
    assert token.prefix == text[:10]
    assert AuditEvent.objects.filter(action="token.created", target_id=str(token.pk)).count() == 1


@pytest.mark.parametrize(
    "header",
    ["", "Basic abc", "Bearer", "Bearer gxy_", "Bearer gxy_made-up", "Bearer \u00fc", f"Bearer gxy_{'a' * 200}"],
)
def test_what_is_no_token_opens_nothing(header, cast, client):
    response = client.get("/api/v1/me/", headers={"Authorization": header.encode().decode("latin-1")} if header else {})
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response["Content-Type"] == "application/problem+json"


def test_a_revoked_token_is_dead_with_the_next_request(api, token_of, member):
    client = api(token_of(member))
    assert client.get("/api/v1/me/").status_code == 200
    revoke_token(Token.objects.get(), actor=member)
    assert code_of(client.get("/api/v1/me/")) == (401, "token_refused")


def test_an_expired_token_is_dead(api, token_of, member):
    client = api(token_of(member))
    earlier = timezone.now() - timedelta(days=40)
    Token.objects.update(created_at=earlier, expires_at=earlier + timedelta(days=30))
    assert "expired" in client.get("/api/v1/me/").json()["detail"]


def test_no_token_lives_longer_than_a_year(token_of, member):
    token_of(member)
    with pytest.raises(IntegrityError, match="token_expires_within_a_year"), transaction.atomic():
        Token.objects.update(expires_at=timezone.now() + timedelta(days=400))


def test_the_token_of_somebody_who_left_is_dead_at_once_and_stays_so(api, token_of, workspace, member, admin):
    client = api(token_of(member))
    Membership.objects.filter(user=member).delete()
    assert code_of(client.get("/api/v1/me/")) == (401, "token_refused")
    person_left(workspace, user=member, actor=admin)
    Membership.objects.create(workspace=workspace, user=member, role="member")
    assert "revoked" in client.get("/api/v1/me/").json()["detail"]


def test_a_disabled_account_has_no_tokens(api, token_of, member):
    client = api(token_of(member))
    member.is_active = False
    member.save()
    assert client.get("/api/v1/me/").status_code == 401


@pytest.mark.asvs("9.2.2", "10.3.1")
def test_a_token_opens_its_own_workspace_alone(api, cast, token_of, admin):
    from galaxy.core.members import add_member

    with workspace_scope([cast["tidewater"].pk]):
        add_member(cast["tidewater"], user=admin, role="admin", actor=cast["stranger"])
    client = api(token_of(admin))
    assert client.get(url("runs/")).status_code == 200
    assert code_of(client.get(url("runs/", "tidewater"))) == (404, "not_found")
    assert code_of(client.get(url("runs/", "nowhere"))) == (404, "not_found")


@pytest.mark.asvs("9.2.2", "10.3.2")
def test_a_token_opens_what_it_was_made_for(api, token_of, admin, probe):
    client = api(token_of(admin, "runs.read"))
    assert client.get(url("runs/")).status_code == 200
    assert code_of(client.get(url("installations/"))) == (403, "token_permission_missing")
    response = client.post(url("runs/"), {"target": "probe.look_up"}, content_type="application/json")
    assert code_of(response) == (403, "token_permission_missing")


def test_no_token_opens_a_view_that_names_no_permission(token_of, owner):
    """Whoever forgets it learns so at the first try, and not from a stranger."""

    class Forgotten(WorkspaceView):
        def get(self, request, workspace):
            return Response({})

    headers = {"Authorization": f"Bearer {token_of(owner)}"}
    for method in ("get", "head"):
        request = getattr(RequestFactory(headers=headers), method)("/")
        assert Forgotten.as_view()(request, workspace="meridian").status_code == 403
    assert Forgotten.as_view()(RequestFactory(headers=headers).post("/"), workspace="meridian").status_code == 405


@pytest.mark.asvs("10.3.2")
def test_a_token_never_opens_what_its_person_may_not(api, token_of, member, probe, tidy):
    client = api(token_of(member))
    assert code_of(client.get(url("events/"))) == (403, "not_granted")
    body = {"digest": tidy.digest}
    assert code_of(client.post(url("installations/"), body, content_type="application/json")) == (403, "not_granted")


@pytest.mark.asvs("2.4.1")
def test_nobody_multiplies_their_rate_by_making_tokens(token_of, workspace, member, admin, agent):
    for person, of in ((member, None), (admin, agent)):
        made = [token_of(person, "runs.read", agent=of) for _ in range(MOST_LIVE)]
        with pytest.raises(TooManyTokens, match="Revoke one"):
            token_of(person, "runs.read", agent=of)
        revoke_token(Token.objects.get(prefix=made[0][:10]), actor=person)
        token_of(person, "runs.read", agent=of)


def test_last_use_is_coarse(api, token_of, member):
    client = api(token_of(member))
    client.get("/api/v1/me/")
    first = Token.objects.get().last_used_at
    client.get("/api/v1/me/")
    assert first is not None
    assert Token.objects.get().last_used_at == first
    Token.objects.update(last_used_at=first - timedelta(hours=2))
    client.get("/api/v1/me/")
    assert Token.objects.get().last_used_at > first


def test_a_token_leaves_no_scope_behind(api, token_of, member):
    """The thread that served a token sees nothing of it afterwards."""
    client = api(token_of(member))
    with workspace_scope():
        client.get(url("runs/"))
        assert Token.objects.count() == 0


@pytest.mark.asvs("2.4.1")
def test_throttles_count_each_token(api, token_of, member, admin, monkeypatch):
    from galaxy.core.api.authentication import CallerThrottle

    monkeypatch.setattr(CallerThrottle, "rate", "3/min", raising=False)
    client = api(token_of(member))
    assert [client.get("/api/v1/me/").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = client.get("/api/v1/me/")
    assert 1 <= int(refused["Retry-After"]) <= 61
    assert refused.json()["code"] == "throttled"
    assert api(token_of(admin)).get("/api/v1/me/").status_code == 200
