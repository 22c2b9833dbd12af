"""A live server, asked by schemathesis as an admin and as a member: no defect, and every answer as documented.

A short run of each operation with made-up requests, valid and invalid, without trying to break the rate.
"""

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from galaxy.core.api.authentication import CallerThrottle
from galaxy.core.api.schema import document
from galaxy.core.models import AuditEvent
from sandbox.services import invoke

EXAMPLES_EACH = 12
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize("role", ["admin", "member"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_no_made_up_request_breaks_it(
    role, mode, cast, live_server, token_of, workspace, probe, tidy, monkeypatch, capsys
):
    monkeypatch.setattr(CallerThrottle, "rate", "100000/min", raising=False)
    run = invoke(workspace, actor=cast["admin"], target="probe.remove", inputs={"key": "a"})
    event = AuditEvent.objects.order_by("-occurred_at", "-id").first()
    known = {"approvals": run.approval_id, "runs": run.pk, "installations": probe.pk, "events": event.pk}
    headers = {"Authorization": f"Bearer {token_of(cast[role])}"}
    schema = schemathesis.openapi.from_dict(document())
    schema.config.update(base_url=live_server.url)
    answers: dict[str, dict[int, int]] = {}

    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in sorted(operations, key=lambda one: "removal" in one.path):  # what it takes away goes last
        answers[operation.label] = exercise(operation, mode, headers, known)

    with capsys.disabled():
        total = sum(sum(counts.values()) for counts in answers.values())
        print(f"\nschemathesis as {role}, {mode.value}: {total} requests to {len(answers)} operations, no defect")  # noqa: T201  (the summary is what one runs it for)
        for label, counts in answers.items():
            print(f"  {label:<75} {dict(sorted(counts.items()))}")  # noqa: T201
    assert sum(counts.get(200, 0) for counts in answers.values()) > 0 or mode == GenerationMode.NEGATIVE
    assert len(answers) == sum(len(methods) for methods in document()["paths"].values())


def exercise(operation, mode: GenerationMode, headers: dict, known: dict) -> dict[int, int]:
    """Ask one operation; returns how often it answered with each status.

    It is asked about rows there are, so that made-up queries, headers and bodies reach the view: ``known`` maps the
    kind in its address to an id.
    """
    kind = operation.path.removeprefix("/api/v1/workspaces/{workspace}/").partition("/")[0]
    counts: dict[int, int] = {}

    @hypothesis.settings(
        max_examples=EXAMPLES_EACH,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        real = {"workspace": "meridian", "id": str(known.get(kind)), "slug": "probe"}
        case.path_parameters.update({name: real[name] for name in case.path_parameters})
        if mode == GenerationMode.POSITIVE and isinstance(case.body, dict) and "target" in case.body:
            case.body["target"] = "probe.look_up"
        response = case.call_and_validate(headers=headers, checks=CHECKS)
        counts[response.status_code] = counts.get(response.status_code, 0) + 1

    ask()
    return counts
