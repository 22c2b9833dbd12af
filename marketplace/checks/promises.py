"""What a manifest promises and what stands behind it: repeating without harm, and taking back."""

from collections.abc import Iterator

from marketplace.checks.notes import Subject
from registry.manifests import Finding


def findings(subject: Subject) -> Iterator[Finding]:
    for action in subject.manifest.actions.values():
        place = subject.action_steps(action.id)
        if action.effect == "read":
            continue
        # A POST to a collection makes something each time it is sent; one to a record may say again what is so already.
        makes = action.runner == "rest" and action.method == "POST" and "{" not in (action.path or "")
        if makes and action.idempotent and "idempotency_header" not in action.raw:
            message = f"{action.id} is declared idempotent and sends no key."
            yield subject.at("promise-without-key", *place, "idempotent", message=message)
        if not action.undo and action.effect == "write":
            yield subject.at("no-undo", *place, message=f"{action.id} does not say how it is taken back.")
