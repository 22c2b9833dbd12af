"""Which tests a manifest and its fixtures give; nothing is run here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from registry.manifests import ActionSpec, Manifest
from sandbox.contract_tests.examples import recording_path

OK = ("happy", "empty")
_FAILING = {"401": "not_repeated", "429": "waits", "5xx": "repeats"}


@dataclass(frozen=True)
class ContractTest:
    """One promise to be looked at. ``action`` is "" for what is about the extension as a whole; ``check`` names the
    function that looks (sandbox.contract_tests.checks)."""

    action: str
    scenario: str
    check: str
    title: str

    @property
    def id(self) -> str:
        """Stable, so that reports of two versions can be compared: ``create_task.429.waits``."""
        return ".".join(part for part in (self.action, self.scenario, self.check) if part)


def generate(manifest: Manifest, files: Mapping[str, bytes] | None = None) -> list[ContractTest]:
    """The tests of a manifest, action by action; equal for equal manifests and names of files."""
    if manifest.kind == "transform":
        return list(_of_transform(manifest))
    if manifest.kind == "pack":
        return [
            ContractTest("", "sample", "sample_fits", "The sample fits the inputs"),
            ContractTest("", "sample", "first_step", "The first step can be filled from the sample"),
        ]
    if manifest.kind == "trigger":
        names = manifest.canonical.get("fixtures", {})
        return [ContractTest("", name, "event_fits", f"The event {name} fits the outputs") for name in names]
    return [test for action in manifest.actions.values() for test in _of_action(action, files or {})]


def _of_action(action: ActionSpec, files: Mapping[str, bytes]) -> Iterator[ContractTest]:
    def test(scenario: str, check: str, title: str) -> ContractTest:
        return ContractTest(action.id, scenario, check, title)

    if action.inputs.get("required"):
        yield test("", "refuses", "Inputs that lack a required field are refused before anything is sent")
    if action.runner != "python":
        yield test("", "leaves", "Its request can be made, and the declared hosts let it out")
    for name, fixture in action.fixtures.items():
        if name in OK and "status" in fixture | {"status": 200}:
            recorded = action.runner != "python" or recording_path(action.id, name, files)
            if recorded:
                yield test(name, "maps", f"The reply {name} gives outputs as declared")
        elif "status" in fixture:
            yield test(name, "classified", f"The reply {name} falls into its category")
        if name in _FAILING and "status" in fixture and action.runner != "python":
            yield test(name, _FAILING[name], _TITLES[_FAILING[name]])
    if action.runner != "python" and "429" in action.fixtures:
        yield test("429", "gives_up", "A limit that stays ends the run, and it says when to come back")
    if action.runner == "python" and recording_path(action.id, "happy", files):
        yield test("happy", "same_twice", "The same inputs give the same bytes")
    if action.simulation.get("answer"):
        yield test("", "simulates", "Simulated answers are as declared, and equal for equal inputs")
    if action.undo:
        yield test("", "undoes", f"What it does is taken back by {action.undo}, and nothing is left")


_TITLES = {
    "not_repeated": "Refused credentials are not sent again",
    "waits": "After a limit it waits as long as it is asked to, then goes on",
    "repeats": "A failure there is repeated where that is safe, and only there",
}


def _of_transform(manifest: Manifest) -> Iterator[ContractTest]:
    for name, fixture in manifest.canonical.get("fixtures", {}).items():
        if "inputs" in fixture:
            yield ContractTest("", name, "inputs_fit", f"The inputs of {name} fit")
            yield ContractTest("", name, "golden", f"The inputs of {name} give its outputs")
            yield ContractTest("", name, "same_bytes", f"The inputs of {name} give the same bytes twice")
    if manifest.inputs.get("required"):
        yield ContractTest("", "", "refuses", "Inputs that lack a required field are refused")
