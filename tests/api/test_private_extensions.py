"""What a workspace has for itself, asked for by machines: its own find it, others learn nothing of it."""

import pytest

from galaxy.core.scope import workspace_scope
from galaxy.core.tokens import API_PERMISSIONS, create_token
from marketplace.workshop.drafts import begin_draft, publish
from marketplace.workshop.starters import TEXTS
from tests.api.conftest import send, url


@pytest.fixture
def version(workspace, creator):
    return publish(begin_draft(workspace, text=TEXTS["rest"], actor=creator), actor=creator)


@pytest.fixture
def stranger_client(api, other_workspace, stranger):
    with workspace_scope([other_workspace.pk]):
        token = create_token(other_workspace, name="Test", permissions=API_PERMISSIONS, days=30, actor=stranger)[1]
    return api(token)


def test_its_digest_installs_it_in_its_own_workspace_and_nowhere_else(api, token_of, creator, version, stranger_client):
    theirs = "/api/v1/workspaces/tidewater/installations/"
    body = {"digest": version.digest}
    refused = stranger_client.post(theirs, body, content_type="application/json")
    nothing = stranger_client.post(theirs, {"digest": "0" * 64}, content_type="application/json")
    assert refused.status_code == 409
    assert refused.json() | {"request_id": ""} == nothing.json() | {"request_id": ""}
    assert send(api(token_of(creator)), "installations/", {"digest": "0" * 64}).status_code == 403
    assert send(api(token_of(creator)), "installations/", body).status_code == 201


def test_no_list_of_another_workspace_names_it(api, token_of, admin, version, stranger_client):
    made = send(api(token_of(admin)), "installations/", {"digest": version.digest})
    assert made.status_code == 201
    assert made.json()["extension"]["slug"] == "my-tasks"
    for rest in ("installations/", "listings/", "runs/", "approvals/", "events/"):
        answer = stranger_client.get(f"/api/v1/workspaces/tidewater/{rest}")
        assert answer.status_code == 200
        assert "my-tasks" not in answer.content.decode() and "My tasks" not in answer.content.decode(), rest
        assert stranger_client.get(f"/api/v1/workspaces/meridian/{rest}").status_code in (403, 404)
    assert stranger_client.get("/api/v1/workspaces/tidewater/listings/my-tasks/").status_code == 404
    listed = api(token_of(admin)).get(url("listings/")).json()["results"]
    assert listed == []
