"""Live calls of packs against a system that is played: it counts what was done to it, and keeps no sample."""

from dataclasses import dataclass, field
from typing import Any

from registry.models import Connection, Kind
from sandbox.runners import Reply, runner_for
from sandbox.services import performing
from tests.extensions import PROBE
from tests.sandbox.packs.flows import pack_of

# A second system, which nobody connects.
SHADOW = PROBE.replace("connector: probe", "connector: shadow").replace("name: Probe", "name: Shadow")


def pack_over_both(*steps: str, **parts: str) -> str:
    text = pack_of(*steps, **parts)
    return text.replace("{ probe: ^1.0, probe.tidy: ^1.0 }", "{ probe: ^1.0, shadow: ^1.0, probe.tidy: ^1.0 }")


@dataclass
class System:
    """What live calls arrive at: ``heard`` holds (target, inputs) of each."""

    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    is_virtual = False
    endpoint = "POST https://api.probe.example/things"
    target = ""
    ids = "real-{}"  # of what it makes, by number

    def attempt(self, inputs: dict[str, Any], number: int) -> Reply:
        self.heard.append((self.target, inputs))
        return Reply(200, {}, outputs={"id": self.ids.format(len(self.heard))}, has_acted=True)


def plays(monkeypatch) -> System:
    system = System()

    def runner(run):
        if run.kind != Kind.ACTION or run.is_simulated:
            return runner_for(run)
        system.target = run.target
        return system

    monkeypatch.setattr(performing, "runner_for", runner)
    return system


def connect(slug: str) -> None:
    Connection.objects.filter(installation__extension__slug=slug).update(
        status=Connection.Status.AUTHENTICATED, generation=1
    )
