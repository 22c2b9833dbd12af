"""A pack tried out from its editor: what is saved, as a version of the workspace's own, in Sim Mode, with a sample for
each of its steps."""

from collections.abc import Mapping
from dataclasses import dataclass

from galaxy.core.errors import Conflict
from galaxy.core.models import User
from galaxy.core.permissions import require
from marketplace.workshop.drafts import publish
from marketplace.workshop.models import Draft
from marketplace.workshop.pack_form import Choice
from marketplace.workshop.pack_places import Flow
from marketplace.workshop.reading import installation_of
from registry.models import Version
from sandbox.models import Run
from sandbox.services import invoke
from sandbox.targets import target_of

_ALWAYS = ("happy", "slow")  # answered by the simulation itself


@dataclass(frozen=True)
class StepSample:
    """A step with the samples that it can answer with; none for a transform, which does the same in either mode."""

    id: str
    title: str
    choices: list[Choice]

    @property
    def field(self) -> str:
        return f"sample-{self.id}"


def samples_of(flow: Flow) -> list[StepSample]:
    found = []
    for step in flow.steps:
        action = flow.action_of(step.get("use", ""))
        known = {*action.fixtures, *_ALWAYS} if action else set()
        choices = [Choice(value, label, value == "happy") for value, label in Run.Scenario.choices if value in known]
        found.append(StepSample(step["id"], flow.name_of(step.get("use", "")), choices))
    return found


def begin_trial(draft: Draft, data: Mapping[str, str], *, actor: User) -> tuple[Version, Run | None]:
    """Make a version of what is saved, and simulate it with the pack's own sample where it is what is installed.

    ``data`` names a sample for a step by ``sample-<step>``, and ``stepwise`` where the run pauses after each. The run
    is None where another version, or none, is installed: that takes somebody's consent. Raises NotGranted,
    NotPublishable, Conflict, or what ``invoke`` does.
    """
    version = publish(draft, actor=actor)
    manifest = version.parsed
    inputs = manifest.canonical.get("sample", {}).get("inputs")
    if not isinstance(inputs, dict):
        raise Conflict("The pack has no sample to be tried with.", "Give each of its inputs a sample, and save it.")
    draft.extension = version.extension
    installation = installation_of(draft, actor)
    if installation is None or installation.pin.version_id != version.pk:
        return version, None
    target = target_of(draft.workspace, actor, manifest.id)
    require(actor, target.permission, target.installation)
    chosen = {step["id"]: data.get(f"sample-{step['id']}", "") for step in manifest.steps}
    run = invoke(
        draft.workspace,
        actor=actor,
        target=manifest.id,
        inputs=inputs,
        simulate=True,
        scenarios={name: one for name, one in chosen.items() if one in Run.Scenario.values},
        stepwise="stepwise" in data,
    )
    return version, run
