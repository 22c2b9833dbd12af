"""Role x workspace x route x method against a table written by hand; what is read of it is in ``test_reading``."""

import uuid

import pytest
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse

from galaxy.core.members import add_member
from galaxy.core.scope import workspace_scope
from policies.models import Approval
from registry.models import Installation
from sandbox.models import Run
from tests.extensions import PROBE, publish
from tests.matrix.routes import PEOPLE, routes, routes_of_their_own, table
from tests.matrix.show import WORDS, lines

ROWS = table()
OBJECT_ROUTES = (
    "-detail",
    "-health",
    "-removal",
    "-decision",
    "-withdrawal",
    "-reminder",
    "-repetition",
    "-handover",
    "-narrowing",
    "group-member-create",
    "registry:widening",
    "publisher-domain",
    "publisher-proof",
    "publisher-team",
    "publisher-keys",
    "publisher-vouch",
    "-cancellation",
    "run-retry",
    "run-undoing",
    "run-step",
    "-settlement",
    "-fixture",
    "-suspension",
    "-resumption",
    "-end",
    "-change",
    "-token",
    "-revocation",
    "-mail",
    "-role",
    "-ownership",
    "-staging",
    "review-taking",
    "review-release",
    "review-proof",
    "submission-create",
    "upload-import",
    "bundle-import",
    "draft-submission",
    "draft-tests",
    "-switch",
    "-retirement",
    "-shredding",
    "secret-test",
    "support-access-ending",
    "-grants",
    "-reading",
    "draft-text",
    "draft-check",
    "draft-version",
    "draft-file-create",
    "version-installation",
    "document-choice",
    "document-draft",
    "connection-connect",
    "connection-test",
    "connection-check",
    "pin-change",
    "update-settings",
    "registry:hold-create",
    "wait-skip",
    "move-schedule",
    "pack-pin-list",
    "roll-out-create",
    "installation-updates",
    "installation-hold",
    "installation-wait",
    "planned-move",
    "api:pack-pin",
    "-rollback",
    "registry:rollback",
    "sandbox:upgrade-preview",
    "sandbox:upgrade-report",
    "installation-timeline",
    "installation-dependants",
    "installation-preview",
    "preview-detail",
    "preview-stopping",
    "golden-flow",
    "golden-play",
    "golden-marking",
    "golden-night",
    "golden-acceptance",
    "-renewal",
    "-disconnection",
    "issue-closing",
    "advice-acting",
    "advice-dismissal",
    "advice-snooze",
    "advice-simulation",
    "connection-limits",
    "breaker-change",
    "hold-release",
    "export-stopping",
    "export-file",
    "sink-trial",
    "sink-pause",
    "sink-replay",
    "sink-key",
    "trigger-on",
    "trigger-off",
    "trigger-trial",
    "trigger-secret",
    "delivery-list",
)


def address(route: str, things: dict, slug: str) -> str:
    """The URL of a route for the objects of ``things``, under the workspace ``slug``."""
    own = {
        "core:audit-detail": {"pk": things["event"].pk},
        "core:audit-verification": {"pk": things["verification"].pk},
        "core:member-detail": {"pk": things["membership"].pk},
        "core:member-role": {"pk": things["membership"].pk},
        "core:member-removal": {"pk": things["membership"].pk},
        "core:member-ownership": {"pk": things["membership"].pk},
        "core:invitation-mail": {"pk": things["invitation"].pk},
        "core:invitation-withdrawal": {"pk": things["invitation"].pk},
        "core:invitation-acceptance": {"token": things["token"]},
        "core:role-detail": {"pk": things["role"].pk},
        "core:role-removal": {"pk": things["role"].pk},
        "core:request-decision": {"pk": things["asked"].pk},
        "core:request-withdrawal": {"pk": things["asked"].pk},
        "core:notification-reading": {"pk": things["news"].pk},
        "registry:installation-detail": {"pk": things["installation"].pk},
        "registry:installation-uses": {"pk": things["installation"].pk},
        "registry:installation-removal": {"pk": things["installation"].pk},
        "sandbox:installation-health": {"pk": things["installation"].pk},
        "registry:pin-change": {"pk": things["installation"].pk},
        "policies:decision-detail": {"pk": things["approval"].decision_id},
        "policies:approval-detail": {"pk": things["approval"].pk},
        "policies:approval-decision": {"pk": things["approval"].pk},
        "policies:approval-withdrawal": {"pk": things["approval"].pk},
        "sandbox:run-detail": {"pk": things["run"].pk},
        "sandbox:run-cancellation": {"pk": things["run"].pk},
        "sandbox:run-settlement": {"pk": things["unknown"].pk},
        "sandbox:run-fixture": {"pk": things["run"].pk},
        "marketplace:listing-detail": {"slug": "probe.tidy"},
        "marketplace:listing-install": {"slug": "probe.tidy"},
        "core:break-glass-ending": {"pk": things["look"].pk},
        "core:support-access-ending": {"pk": things["look"].pk},
        "core:session-ending": {"pk": 1},
        "mfa_remove_webauthn": {"pk": 1},
        "mfa_edit_webauthn": {"pk": 1},
        "account_confirm_email": {"key": "made-up"},
        "account_reset_password_from_key": {"uidb36": "1", "key": "made-up"},
    }.get(route) or routes_of_their_own("place", route, things)
    try:
        return reverse(route, kwargs=own)
    except NoReverseMatch:
        pass  # a page of a workspace
    query = (
        "?target=probe.look_up" if route == "sandbox:run-create" else routes_of_their_own("query", route, things) or ""
    )
    return reverse(route, kwargs={"workspace": slug, **own}) + query


def form(route: str, things: dict) -> dict:
    """What a correct POST sends."""
    if route == "registry:pin-change":
        return {"to": publish(PROBE.replace("version: 1.0.0", "version: 1.1.0")).digest}
    grant = {
        "object": f"registry.installation|{things['installation'].pk}",
        "act": "write_installation",
        "to": f"user:{things['membership'].user_id}",
    }
    return {
        "core:preferences": {"theme": "dark"},
        "core:member-role": {"role": str(things["auditor"].pk)},
        "core:invitation-create": {"address": "another@example.test", "role": str(things["auditor"].pk)},
        "core:invitation-acceptance": {"name": "Nell New", "password": "a long enough phrase"},
        "core:role-create": {"name": "Shift", "permissions": ["view_run"]},
        "core:role-detail": {"name": "Desk", "permissions": ["view_listing"]},
        "core:grant-create": grant,
        "core:grant-revocation": grant,
        "core:request-create": {"ask": f"core.manage_role|core.workspace|{things['role'].workspace_id}"},
        "core:request-decision": {"answer": "given", "reason": ""},
        "core:break-glass-list": {"workspace": "meridian", "reason": "Helping with a run.", "minutes": "15"},
        "core:support-access": {"allows_support_access": "false"},
        "core:workspace-settings": {"requires_second_factor": "false"},
        "policies:approval-decision": {"decision": "approved", "note": "", "digest": things["approval"].digest},
        "registry:installation-removal": {"reason": "No longer used", "name": "Probe"},
        "sandbox:run-create": {"in_key": "a", "scenario": "happy", "idempotency_key": str(uuid.uuid4())},
        "sandbox:run-settlement": {"happened": "yes", "note": "Seen there."},
        "marketplace:listing-install": {"digest": [things["tidy"].digest]},
    }.get(route) or routes_of_their_own("body", route, things)


def post(client: Client, route: str, url: str, things: dict):
    """A correct POST: a form for pages, JSON for the API."""
    options = {"content_type": "application/json"} if route.startswith("api:") else {}
    return client.post(url, form(route, things), **options)


@pytest.mark.asvs("8.2.1")
def test_every_route_stands_in_the_table_and_no_other():
    assert {row.route for row in ROWS} == routes()


def test_every_line_of_the_table_stands_once():
    assert len({(row.route, row.method) for row in ROWS}) == len(ROWS)


def check_headers(response, person: str) -> None:
    """Those that stand on every answer, whatever it is."""
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy, person
    for part in ("default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert part in policy, (person, part)
    assert response["X-Content-Type-Options"] == "nosniff", person
    assert response["Referrer-Policy"] == "same-origin", person
    assert response["Cross-Origin-Opener-Policy"] == "same-origin", person
    assert "no-store" in response["Cache-Control"], person
    assert response["X-Request-ID"], person


def test_every_route_is_read_by_the_table():
    assert {row.route for row in ROWS if row.method == "GET"} == routes()


@pytest.mark.asvs("8.2.1")
@pytest.mark.parametrize("row", [row for row in ROWS if row.method != "GET"], ids=str)
def test_each_person_gets_the_answer_of_the_table_and_the_headers(row, workspace, things, browser_of):
    url = address(row.route, things, "meridian")
    found = {}
    for person in PEOPLE:
        client = browser_of(person)
        with transaction.atomic():  # each person meets the same state
            is_post = row.method == "POST"
            response = post(client, row.route, url, things) if is_post else client.generic(row.method, url)
            found[person] = response.status_code
            check_headers(response, person)
            transaction.set_rollback(True)
    assert found == row.answers


OF_ONE_OBJECT = sorted(
    {row.route for row in ROWS if row.route.endswith(OBJECT_ROUTES) and "listing-detail" not in row.route}
)


@pytest.mark.asvs("8.2.2", "8.4.1")
@pytest.mark.parametrize("route", OF_ONE_OBJECT)
def test_an_object_under_another_workspaces_address_is_not_found(route, cast, workspace, things, browser_of):
    """The admin of Meridian also owns Tidewater: still, Meridian's objects do not open under Tidewater's address."""
    with workspace_scope([cast["tidewater"].pk]):
        add_member(cast["tidewater"], user=cast["admin"], role="owner", actor=cast["stranger"])
    url = address(route, things, "tidewater")
    methods = {row.method for row in ROWS if row.route == route and row.answers["admin"] != 405}
    client = browser_of("admin")  # with the new key that their session gets, now that they may do more
    for method in sorted(methods):
        response = post(client, route, url, things) if method == "POST" else client.generic(method, url)
        assert response.status_code == 404, method
    assert Installation.objects.filter(pk=things["installation"].pk, removed_at=None).exists()
    assert Approval.objects.get(pk=things["approval"].pk).status == "pending"
    assert Run.objects.get(pk=things["run"].pk).state == "queued"


@pytest.mark.asvs("4.1.4")
def test_no_route_takes_another_method(workspace, things, browser_of):
    """Each is asked for one of them; its answer names the methods by which the view decided, and none of the others is
    among them."""
    without_provider = {
        route for route in routes() if route.startswith(("core:oidc-", "core:saml-"))
    }  # 404 to anything
    client = browser_of("owner")
    for route in sorted(routes() - without_provider):
        if not route.startswith(("account_", "mfa_")):  # allauth's forms read PUT as POST, under the same CSRF token
            response = client.delete(address(route, things, "meridian"))
            assert response.status_code == 405, route
            allowed = set(response["Allow"].split(", "))
            assert allowed and allowed <= {"GET", "HEAD", "POST", "OPTIONS"}, route


def test_the_matrix_can_be_read_as_a_table():
    shown = lines(ROWS)
    assert len([line for line in shown if line.startswith("| ") and ":" in line.split("|")[1]]) == sum(
        ":" in row.route for row in ROWS
    )
    counts = {
        kind: list(map(int, line.split("|")[2:-1])) for kind, line in zip(WORDS, shown[-len(WORDS) :], strict=True)
    }
    assert [sum(column) for column in zip(*counts.values(), strict=True)] == [len(ROWS)] * len(PEOPLE)
    assert counts["away"] == [sum(row.answers[one] in {302, 401} for row in ROWS) for one in PEOPLE]
