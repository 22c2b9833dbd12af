"""What is kept of a run: scrubbed of every value that it was lent, whenever that was."""

import json
from datetime import UTC, datetime

from galaxy.core.egress import FixtureTransport, HostRule
from sandbox.pool import Limits, Outcome
from sandbox.sandboxd.execution import Ways, execute
from sandbox.sandboxd.programs import Program

HOST, VALUE = "api.example.com", "sk-live-7f3b/42"


class Vault:
    def open(self, name, *, host, purpose):
        return VALUE

    def bound_hosts(self, name):
        return [HOST]

    def places(self, name):
        return ["header"]


class Calls:
    """A pool whose code hears the value from a peer, sends it on in an address, and only then uses its own."""

    def run(self, job, speaker, halt):
        heard = speaker.fetch({"url": f"https://{HOST}/config"}, 5)["body"]
        speaker.fetch({"url": f"https://{HOST}/log?{heard}"}, 5)
        speaker.fetch({"url": f"https://{HOST}/me", "headers": {"X-Key": job.secrets["KEY"]}}, 5)
        return Outcome(status="ok", output={"heard": heard})


def test_a_value_that_came_in_before_it_was_used_is_in_nothing_that_is_kept():
    fixtures = [{"url": f"https://{HOST}/{path}", "body": body} for path, body in
                (("config", f"key={VALUE}"), ("log", ""), ("me", "ok"))]  # fmt: skip
    transport = FixtureTransport(fixtures)
    result = execute(
        Calls(), Program("action", "a.py", "", (HostRule(HOST),), Limits()), workspace="w", run_id="r", inputs={},
        seed=1, now=datetime(2026, 1, 1, tzinfo=UTC), ways=Ways(transport, transport), source=Vault(), names=("KEY",),
    )  # fmt: skip
    assert [one["status"] for one in result.exchanges] == [200, 200, 200]
    assert VALUE not in json.dumps([result.outcome.as_dict(), result.exchanges, result.recording])
