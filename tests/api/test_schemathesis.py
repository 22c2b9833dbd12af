"""A live server, asked by schemathesis as each role, as an agent and from next door: no defect, and every answer as
documented.

A short run of each operation with made-up requests, valid and invalid, without trying to break the rate. As the admin,
whose requests reach furthest, each answer is held to its schema as well; as everybody else what is looked at is what
differs by who asks: no defect, a documented status, nothing of the workspace next door. ``make apifuzz`` is the long
form: many more, and every answer of everybody held to everything.
"""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.generation.case import Case
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from galaxy.core.api.authentication import CallerThrottle
from galaxy.core.api.schema import document
from galaxy.core.models import AuditEvent, ExportJob, Membership, Token
from galaxy.core.scope import workspace_scope
from galaxy.core.tokens import API_PERMISSIONS, create_token
from marketplace.workshop.drafts import begin_draft
from policies.services.changes import ask_install
from policies.services.granting import create_auto_approval
from sandbox.services import invoke
from tests.matrix.advice_routes import advice
from tests.matrix.bundle_routes import bundles
from tests.matrix.move_routes import moves
from tests.matrix.policy_routes import policies
from tests.matrix.publisher_routes import publishers
from tests.matrix.stream_routes import streams
from tests.matrix.submission_routes import submissions
from tests.matrix.trigger_routes import triggers
from tests.matrix.update_routes import updates
from tests.submitting import text_of

WHO = ("owner", "admin", "approver", "creator", "auditor", "member", "agent", "stranger")
LONG = int(os.environ.get("GALAXY_API_EXAMPLES", "0"))  # of each kind for each operation, in the long form
EXAMPLES_EACH = LONG or 1
EXAMPLES = {} if LONG else {"admin": 2}
LAST = (
    "removal",
    "revocation",
    "suspension",
    "withdrawal",
    "ending",
    "stopping",
)  # what they take away, nothing can be asked about afterwards
YES = {"scope": "things.write", "reason": "Always so", "budget": 9, "ends_at": datetime.now(UTC) + timedelta(days=2)}
FEW_CHECKS = [not_a_server_error, status_code_conformance]
CHECKS = [*FEW_CHECKS, content_type_conformance, response_schema_conformance]


@pytest.fixture
def token_for(cast, workspace, token_of, agent):
    """``token_for(who)``: the text of a token of that role, of the agent, or of the stranger in their own workspace."""

    def make(who: str) -> str:
        if who == "stranger":
            with workspace_scope([cast["tidewater"].pk]):
                return create_token(
                    cast["tidewater"], name="T", permissions=API_PERMISSIONS, days=1, actor=cast["stranger"]
                )[1]
        return token_of(cast["admin"], agent=agent) if who == "agent" else token_of(cast[who])

    return make


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize("who", WHO)
def test_no_made_up_request_breaks_it(
    who, cast, live_server, token_of, token_for, workspace, probe, tidy, agent, monkeypatch, capsys
):
    monkeypatch.setattr(CallerThrottle, "rate", "100000/min", raising=False)
    person = cast.get(who, cast["admin"])
    run = invoke(workspace, actor=cast["admin"], target="probe.remove", inputs={"key": "a"})
    if who not in ("agent", "stranger"):
        token_of(person)  # one to be revoked
    updated = updates(workspace, cast["admin"])
    known = {
        "advice": advice(workspace, probe)["advice"].pk,
        "approvals": run.approval_id,
        "decisions": run.decision_id,
        "rules": policies(workspace, cast["admin"])["rule"].pk,
        "changes": ask_install(workspace, tidy, actor=cast["member"]).pk,
        "auto-approvals": create_auto_approval(workspace, installation=probe, actor=cast["admin"], **YES).pk,
        "audit-exports": ExportJob.objects.create(workspace=workspace, requested_by=cast["admin"]).pk,
        "audit-streams": streams(workspace, cast["admin"])["sink"].pk,
        "runs": run.pk,
        "roll-outs": updated["rollout"].pk,
        "pack-pins": updated["pin"].pk,
        "bundles": bundles(workspace, cast["admin"])["bundle"].pk,
        "drafts": begin_draft(workspace, text=text_of(), actor=cast["creator"]).pk,
        "previews": moves(probe)["preview"].pk,
        "triggers": triggers(workspace, cast["admin"])["trigger"].pk,
        "submissions": submissions(workspace, cast)["waiting"].pk,
        "installations": probe.pk,
        "publishers": (published := publishers(workspace, cast["admin"], cast["member"]))["publisher"].pk,
        "key": published["publisher_key"].pk,
        "events": AuditEvent.objects.latest("id").pk,
        "members": Membership.objects.get(user=cast["member"]).pk,
        "agents": agent.pk,
        "tokens": Token.objects.filter(user=person).values_list("pk", flat=True).first() or agent.pk,
    }
    to = {"base_url": live_server.url, "headers": {"Authorization": f"Bearer {token_for(who)}"}}
    examples = EXAMPLES.get(who, EXAMPLES_EACH)
    checks = CHECKS if LONG or who in EXAMPLES else FEW_CHECKS
    next_door = cast["meridian"] if who == "stranger" else cast["tidewater"]
    people = ("owner", "admin", "member") if who == "stranger" else ("stranger",)
    foreign = [str(next_door.pk), *(cast[name].email for name in people)]
    statuses: Counter[int] = Counter()
    asked = set()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for at, operation in enumerate(operations()):
            found = exercise(made_up(at, mode)[:examples], mode, known, foreign, checks=checks, **to)
            statuses += found
            asked |= {operation.label} if found else set()

    with capsys.disabled():
        told = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        print(f"\nschemathesis as {who}: {statuses.total()} requests to {len(asked)} operations, no defect ({told})")  # noqa: T201  (the summary is what one runs it for)
    assert len(asked) == sum(len(methods) for methods in document()["paths"].values())
    assert statuses[200] > 0 and not any(status >= 500 for status in statuses)
    if who in ("agent", "stranger", "member", "auditor"):
        assert not agent_is_suspended(agent)


def agent_is_suspended(agent) -> bool:
    agent.refresh_from_db()
    return agent.suspended_at is not None


@cache
def operations() -> list[APIOperation]:
    """Those of the document; what takes away comes last."""
    found = [result.ok() for result in schemathesis.openapi.from_dict(document()).get_all_operations()]
    return sorted(found, key=lambda one: one.path.strip("/").rpartition("/")[2] in LAST)


@cache
def made_up(at: int, mode: GenerationMode) -> list[Case]:
    """Requests to one of ``operations()``. They follow from the document alone, so each person sends the same, or the
    first of them; making them takes three times as long as asking them."""
    cases: list[Case] = []

    @hypothesis.settings(
        max_examples=max(EXAMPLES_EACH, *EXAMPLES.values()),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operations()[at].as_strategy(generation_mode=mode))
    def make(case):
        cases.append(case)

    make()
    return cases


def exercise(cases: list[Case], mode: GenerationMode, known: dict, foreign: list[str], **options) -> Counter[int]:
    """Ask one operation; returns how often it answered with each status. No answer holds a text of ``foreign``.

    It is asked about rows there are, so that made-up queries, headers and bodies reach the view: ``known`` maps the
    kind in its address to an id.
    """
    counts: Counter[int] = Counter()
    for made in cases:
        case = made.derive()
        kind = case.path.removeprefix("/api/v1/workspaces/{workspace}/").partition("/")[0]
        real = {"workspace": "meridian", "id": str(known.get(kind)), "slug": "probe", "number": 1}
        real |= {"pin": str(known["pack-pins"]), "key": known["key"]}
        case.path_parameters.update({name: real[name] for name in case.path_parameters})
        if mode == GenerationMode.POSITIVE and isinstance(case.body, dict) and "target" in case.body:
            case.body["target"] = "probe.look_up"
        response = case.call_and_validate(**options)
        assert not [text for text in foreign if text in response.text], case.as_curl_command()
        counts[response.status_code] += 1
    return counts
