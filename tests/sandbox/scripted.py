"""Live runs against a runner that answers from a script: what the gate makes of replies, without a network."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from registry.models import Connection, Installation, Kind
from sandbox.models import Run
from sandbox.runners import Reply, runner_for
from sandbox.services import invoke, perform, performing

OK = Reply(200, {"id": "x1"}, outputs={"id": "x1"}, has_acted=True)


def failed(status: int, *, acted: bool | None = None, **headers: str) -> Reply:
    return Reply(status, {}, {name.replace("_", "-"): value for name, value in headers.items()}, has_acted=acted)


class ScriptedRunner:
    """Answers call after call from ``script``: replies, or maps of endpoint to reply; the last one again and again."""

    is_virtual = False

    def __init__(self, script: list):
        self.script = list(script)
        self.sent: list[str] = []
        self.place = 0
        self.before_send: Callable[[], None] = lambda: None
        self.during: Callable[[], None] = lambda: None

    @property
    def endpoint(self) -> str:
        return f"GET https://api.probe.example/{self.place}"

    def use_endpoint(self, number: int) -> None:
        self.place = number

    def attempt(self, inputs, number) -> Reply:
        self.before_send()
        self.sent.append(self.endpoint)
        self.during()
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        reply = reply[self.place] if isinstance(reply, dict) else reply
        return replace(reply)


class Live:
    """``live(target, *script)`` asks for a live run, performs it and returns it; ``live.runner`` is what was called."""

    def __init__(self, workspace, actor, monkeypatch):
        self.workspace, self.actor, self._monkeypatch = workspace, actor, monkeypatch
        self.runner: ScriptedRunner | None = None

    def asked(self, target: str, inputs: dict | None = None) -> Run:
        run = invoke(self.workspace, actor=self.actor, target=target, inputs=inputs or {"key": "a"})
        connection = Connection.objects.filter(installation=run.installation).first()
        Run.objects.filter(pk=run.pk).update(connection=connection)
        return run

    def answers(self, *script) -> ScriptedRunner:
        self.runner = ScriptedRunner(list(script))
        self._monkeypatch.setattr(
            performing, "runner_for", lambda run: self.runner if run.kind == Kind.ACTION else runner_for(run)
        )
        return self.runner

    def __call__(self, target: str, *script, inputs: dict | None = None) -> Run:
        self.answers(*script)
        return perform(self.asked(target, inputs).pk)


def connected(installation: Installation) -> Connection:
    """The installation's connection, as if somebody had signed in."""
    connection = installation.connections.get()
    connection.status = Connection.Status.AUTHENTICATED
    connection.save()
    return connection


@pytest.fixture
def live(workspace, admin, monkeypatch):
    return Live(workspace, admin, monkeypatch)
