"""The API by token: a person's token is answered as their session is, and agents have a table of their own."""

import pytest
from django.db import transaction
from django.test import Client

from galaxy.core.scope import workspace_scope
from galaxy.core.tokens import AGENT_PERMISSIONS, API_PERMISSIONS, create_token
from tests.matrix.routes import table
from tests.matrix.test_matrix import address, post
from tests.playhouse import again

ROWS = [row for row in table() if row.route.startswith("api:") and row.route not in {"api:schema", "api:docs"}]
ROLES = ("owner", "admin", "approver", "creator", "auditor", "member")

# An agent of the admin's that may read "probe": 200 for what it may see, 404 for what is the admin's alone, 403 for
# what no agent does. Written by hand. The run and the approval of the table are the admin's own.
AGENT = {
    "api:me": {"GET": 200},
    "api:listing-list": {"GET": 200},
    "api:listing-detail": {"GET": 200},
    "api:evidence": {"GET": 200},
    "api:quarantine-list": {"GET": 200},
    "api:installation-list": {"GET": 200, "POST": 403},
    "api:installation-detail": {"GET": 200},
    "api:installation-health": {"GET": 200},
    "api:installation-tests": {"GET": 404, "POST": 403},
    "api:connection-list": {"GET": 200},
    "api:connection-detail": {"GET": 200},
    "api:installation-removal": {"GET": 405, "POST": 403},
    "api:installation-rollback": {"GET": 405, "POST": 403},
    "api:installation-timeline": {"GET": 200},
    "api:installation-dependants": {"GET": 200},
    "api:installation-preview": {"GET": 405, "POST": 403},
    "api:preview-list": {"GET": 200},
    "api:preview-detail": {"GET": 200},
    "api:preview-stopping": {"GET": 405, "POST": 403},
    "api:update-list": {"GET": 200},
    "api:update-rules": {"GET": 200, "POST": 403},
    "api:installation-updates": {"GET": 404, "POST": 403},
    "api:installation-hold": {"GET": 405, "POST": 403},
    "api:installation-hold-removal": {"GET": 405, "POST": 403},
    "api:installation-wait": {"GET": 405, "POST": 403},
    "api:planned-move": {"GET": 405, "POST": 403},
    "api:planned-move-removal": {"GET": 405, "POST": 403},
    "api:pack-pin": {"GET": 405, "POST": 403},
    "api:pack-pin-removal": {"GET": 405, "POST": 403},
    "api:roll-out-list": {"GET": 200, "POST": 403},
    "api:roll-out-detail": {"GET": 404},
    "api:roll-out-decision": {"GET": 405, "POST": 403},
    "api:submission-list": {"GET": 403, "POST": 403},
    "api:submission-detail": {"GET": 403},
    "api:submission-withdrawal": {"GET": 405, "POST": 403},
    "api:listing-bundle": {"GET": 405, "POST": 403},
    "api:bundle-list": {"GET": 403, "POST": 403},
    "api:bundle-detail": {"GET": 403},
    "api:bundle-import": {"GET": 405, "POST": 403},
    "api:bundle-removal": {"GET": 405, "POST": 403},
    "api:bundle-source-list": {"GET": 403},
    "api:draft-list": {"GET": 403, "POST": 403},
    "api:draft-detail": {"GET": 403},
    "api:draft-change": {"GET": 405, "POST": 403},
    "api:draft-tests": {"GET": 403, "POST": 403},
    "api:draft-submission": {"GET": 405, "POST": 403},
    "api:draft-removal": {"GET": 405, "POST": 403},
    "api:publication-list": {"GET": 403},
    "api:publication-detail": {"GET": 403},
    "api:publication-telemetry": {"GET": 403},
    "api:release-deprecation": {"GET": 405, "POST": 403},
    "api:release-deprecation-end": {"GET": 405, "POST": 403},
    "api:release-yanking": {"GET": 405, "POST": 403},
    "api:publisher-list": {"GET": 403},
    "api:publisher-detail": {"GET": 403},
    "api:publisher-key-list": {"GET": 403, "POST": 403},
    "api:publisher-key-retirement": {"GET": 405, "POST": 403},
    "api:publisher-key-revocation": {"GET": 405, "POST": 403},
    "api:publisher-signing": {"GET": 405, "POST": 403},
    "api:version-signatures": {"GET": 403, "POST": 403},
    "api:run-list": {"GET": 200, "POST": 201},
    "api:run-detail": {"GET": 404},
    "api:run-cancellation": {"GET": 405, "POST": 404},
    "api:run-retry": {"GET": 405, "POST": 404},
    "api:run-undoing": {"GET": 405, "POST": 404},
    "api:run-step": {"GET": 405, "POST": 404},
    "api:metric-list": {"GET": 200},
    "api:outcome-list": {"GET": 200},
    "api:outcome-weeks": {"GET": 200},
    "api:trigger-list": {"GET": 403},
    "api:trigger-detail": {"GET": 403},
    "api:trigger-delivery-list": {"GET": 403},
    "api:trigger-off": {"GET": 405, "POST": 403},
    "api:advice-list": {"GET": 403},
    "api:advice-detail": {"GET": 403},
    "api:advice-acting": {"GET": 405, "POST": 403},
    "api:advice-dismissal": {"GET": 405, "POST": 403},
    "api:advice-snooze": {"GET": 405, "POST": 403},
    "api:issue-list": {"GET": 403},
    "api:issue-detail": {"GET": 403},
    "api:approval-list": {"GET": 200},
    "api:approval-detail": {"GET": 404},
    "api:approval-withdrawal": {"GET": 405, "POST": 404},
    "api:approval-reminder": {"GET": 405, "POST": 404},
    "api:approval-repetition": {"GET": 405, "POST": 404},
    "api:group-list": {"GET": 403},
    "api:delegation-list": {"GET": 403},
    "api:auto-approval-list": {"GET": 403},
    "api:auto-approval-detail": {"GET": 403},
    "api:auto-approval-revocation": {"GET": 405, "POST": 403},
    "api:change-list": {"GET": 200, "POST": 201},
    "api:change-detail": {"GET": 404},
    "api:rule-list": {"GET": 403, "POST": 403},
    "api:rule-detail": {"GET": 403},
    "api:rule-change": {"GET": 405, "POST": 403},
    "api:rule-end": {"GET": 405, "POST": 403},
    "api:ruleset-list": {"GET": 403},
    "api:ruleset-detail": {"GET": 403},
    "api:ruleset-restore": {"GET": 405, "POST": 403},
    "api:decision-list": {"GET": 200},
    "api:decision-detail": {"GET": 404},
    "api:installation-grants": {"GET": 403},
    "api:member-list": {"GET": 403},
    "api:member-detail": {"GET": 403},
    "api:role-list": {"GET": 403},
    "api:request-list": {"GET": 403},
    "api:agent-list": {"GET": 403},
    "api:agent-detail": {"GET": 403},
    "api:agent-suspension": {"GET": 405, "POST": 403},
    "api:token-list": {"GET": 403},
    "api:token-revocation": {"GET": 405, "POST": 403},
    "api:secret-list": {"GET": 403},
    "api:event-list": {"GET": 403},
    "api:event-detail": {"GET": 403},
    "api:event-proof": {"GET": 403},
    "api:checkpoint": {"GET": 403},
    "api:export-list": {"GET": 403, "POST": 403},
    "api:export-detail": {"GET": 403},
    "api:export-stopping": {"GET": 405, "POST": 403},
    "api:export-file": {"GET": 403},
    "api:sink-list": {"GET": 403},
    "api:sink-detail": {"GET": 403},
}


def ask(text: str, row, things: dict, slug: str = "meridian") -> int:
    client = Client(headers={"Authorization": f"Bearer {text}"})
    url = address(row.route, things, slug)
    with transaction.atomic():
        is_post = row.method == "POST"
        response = post(client, row.route, url, things) if is_post else client.generic(row.method, url)
        transaction.set_rollback(True)
    return response.status_code


def token(workspace, person, permissions=tuple(API_PERMISSIONS), **options) -> str:
    return create_token(workspace, name="T", permissions=permissions, days=1, actor=person, **options)[1]


@pytest.fixture(scope="module")
def tokens(scene) -> dict[str, str]:
    """One of each role's, of the agent's and of the stranger's in their own workspace. What a test asks with them is
    rolled back, so each finds them unused."""
    cast, things = again(scene[0]), again(scene[1])
    with workspace_scope([cast["meridian"].pk]):
        made = {role: token(cast["meridian"], cast[role]) for role in ROLES}
        made["agent"] = token(cast["meridian"], cast["admin"], AGENT_PERMISSIONS, agent=things["agent"])
    with workspace_scope([cast["tidewater"].pk]):
        made["stranger"] = token(cast["tidewater"], cast["stranger"])
    return made


@pytest.mark.asvs("8.2.1", "10.3.2")
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_persons_token_gets_the_answer_of_the_table(row, tokens, workspace, things):
    found = {role: ask(tokens[role], row, things) for role in ROLES}
    assert found == {role: row.answers[role] for role in ROLES}


@pytest.mark.asvs("8.2.1", "8.3.3")
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_agent_gets_the_answer_of_its_own_table(row, tokens, workspace, things):
    assert ask(tokens["agent"], row, things) == AGENT[row.route][row.method]


@pytest.mark.asvs("8.2.2", "8.4.1", "9.2.4", "10.3.1")
@pytest.mark.parametrize("row", [row for row in ROWS if row.route != "api:me"], ids=str)
def test_the_token_of_another_workspace_finds_nothing(row, tokens, workspace, things):
    assert ask(tokens["stranger"], row, things) == 404


@pytest.mark.parametrize("row", [row for row in ROWS if row.answers["owner"] < 300 and row.route != "api:me"], ids=str)
def test_a_token_that_opens_something_else_opens_nothing_here(row, cast, workspace, things):
    from django.urls import resolve

    needed = resolve(address(row.route, things, "meridian")).func.cls.opens[row.method]
    text = token(workspace, cast["owner"], [name for name in API_PERMISSIONS if name != needed])
    assert ask(text, row, things) == 403
