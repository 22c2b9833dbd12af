"""What the rules would answer to each step of a played flow if it were live: pure evaluation, nothing is asked."""

from dataclasses import replace
from datetime import datetime

from galaxy.core.audit import Actor
from galaxy.core.models import User
from policies.engine import evaluate
from policies.services.decisions import snapshot_of
from registry.manifests import Manifest
from registry.models import Installation
from registry.services import Resolved
from sandbox import class_flow
from sandbox.golden.playing import Case, Played, part_of
from sandbox.golden.versions import Parts
from sandbox.models import Run
from sandbox.services.calls import Call, numbers_of, question

APPROVED, ASKS = "approved", "require_approval"


def decide(
    pack: Installation, manifest: Manifest, parts: Parts, cases: list[Case], played: list[Played], user: User | None
) -> None:
    """Put beside each step of ``played`` the data ``classes`` that it carries and, for ``user`` who answers for the
    pack, the ``effect`` of the rules as they are now; "" where nobody answers for it. Whether an outcome by a person's
    yes is reached is said with them.

    The clock is the case's, and every destination is one that is known, so that only rules and versions can differ.
    """
    snapshot = snapshot_of(pack.workspace)
    manifests = {slug: part.manifest for slug, part in parts.items()}
    moments = {case["id"]: datetime.fromisoformat(case["now"]) for case in cases}
    known = class_flow.of_inputs(manifest)
    for step in manifest.steps:
        within = known | class_flow.of_item(step["each"], known) if "each" in step else known
        carried = class_flow.into_step(step, within)
        slug, own, action = part_of(step["use"], manifests)
        if own is None:
            continue
        known |= class_flow.out_of_step(step["id"], own, action, carried, is_loop="each" in step)
        part = parts[slug]
        for one in played:
            for told in one["steps"]:
                if told["step"] != step["id"] or told.get("is_left_out"):
                    continue
                # What takes a call back is another action of the same version, and is given no more than it declares.
                called = part_of(told["use"], manifests)[2] if told.get("undoes") else action
                call = Call(
                    workspace=pack.workspace,
                    user=user or pack.installed_by,
                    chain=Actor.of(user),
                    resolved=Resolved(told["use"], part.installation, part.version, own, called),
                    inputs=told["inputs"],
                    mode=Run.Mode.SIMULATED,
                    scenario="",
                    carried={} if told.get("undoes") else carried,
                    pack=manifest.id,
                )
                told["classes"] = call.data_classes
                told["effect"] = ""
                if user:
                    asked = question(call)
                    context = replace(
                        asked["context"],
                        mode=Run.Mode.LIVE,
                        simulated=False,
                        now=moments[one["id"]],
                        numbers=numbers_of(call),
                    )
                    told["effect"] = str(evaluate(snapshot, **asked | {"context": context}).effect)
    if user:
        _require_yes(played)


def _require_yes(played: list[Played]) -> None:
    """An outcome by a person's yes is none where the rules ask nobody."""
    for one in played:
        outcome = one["outcome"]
        if outcome and outcome.get("signal") == APPROVED:
            outcome["is_reached"] &= any(told.get("effect") == ASKS for told in one["steps"])
