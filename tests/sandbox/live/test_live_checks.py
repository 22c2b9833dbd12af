"""A check of health from end to end: rung by schedule, sent by sandboxd, answered by the peer, kept."""

import pytest
from django.utils import timezone

from registry.models import Connection
from sandbox.health.checks import ring_due_checks
from sandbox.models import CheckSchedule, HealthCheck, Issue, Run
from sandbox.services import perform
from tests.core.egress.peers import answer, saying
from tests.sandbox.health.calls import CHECKED
from tests.sandbox.live.manifests import API

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
HERE = CHECKED.replace("api.pulse.example", API).replace("type: bearer", "type: none")
HERE += "retry: { strategy: fixed, max_attempts: 1 }\n"


def checked() -> HealthCheck:
    """The next check, as beat and a worker make it."""
    CheckSchedule.objects.update(next_at=timezone.now())
    assert ring_due_checks() == 1
    perform(Run.objects.filter(is_check=True).latest("created_at").pk)
    return HealthCheck.objects.latest("checked_at")


def test_a_check_calls_what_the_manifest_names_and_keeps_what_it_heard(connect, peer):
    installation = connect(HERE)
    peer.script = saying(answer('{"id": "b1"}', Content_Type="application/json"))
    check = checked()
    assert (check.passed, check.connection) == (True, Connection.objects.get(installation=installation))
    assert peer.requests[0].startswith(b"GET /beats HTTP/1.1")
    assert check.run.counts_as == ""
    peer.script = saying(answer("{}", 503, Content_Type="application/json"))
    assert [(one.passed, one.category) for one in (checked(), checked())] == [(False, "transient")] * 2
    assert Issue.objects.open().get().kind == "health_failing"
    peer.script = saying(answer('{"id": "b1"}', Content_Type="application/json"))
    assert checked().passed
    assert not Issue.objects.open().exists()
