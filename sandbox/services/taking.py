"""What tells one run from another when its version is chosen (registry.services.choosing): the same for as long as the
run is not over, and for every step of a pack."""

from uuid import UUID

from registry.services.choosing import chosen_digest
from sandbox.models import Run


def key_of(run: Run) -> str:
    """Its idempotency key, or else its id: whoever asks again by the same key takes the same version. Steps go by their
    pack."""
    root = run.parent or run
    return root.idempotency_key or str(root.pk)


def calling_pack(run: Run) -> UUID | None:
    """The installation of the pack whose step it is; None where it is none."""
    return run.parent.installation_id if run.parent else None


def digest_now(run: Run) -> str | None:
    """The digest that it would take if it were asked for now; None where what it called is removed."""
    return chosen_digest(run.workspace_id, run.installation_id, calling_pack(run), key_of(run))
