"""What tells one run from another when its version is chosen (registry.services.choosing): the same for as long as the
run is not over, and for every step of a pack.

The run of a pack holds to the versions of all that it requires from the moment it is asked for, {installation: digest}
beside its inputs, so that no step takes another one because a pin moved between two of them.
"""

from collections.abc import Collection
from uuid import UUID

from registry.errors import MappingsUnfit, RequirementsMissing
from registry.manifests import Manifest
from registry.models import Installation
from registry.semver import satisfies
from registry.services import Resolved
from registry.services.choosing import Chosen, choose_required, chosen_digest
from registry.services.mapping import refuse_unfit
from sandbox.models import InputMigration, Run
from sandbox.services.stored import payload_of


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
    now = chosen_digest(run.workspace_id, run.installation_id, calling_pack(run), key_of(run))
    return now and held_by(run).get(str(run.installation_id), now)


def held_by(run: Run) -> dict[str, str]:
    """What the pack whose step ``run`` is holds to, {installation: digest}; empty for what is no step."""
    return payload_of(run.parent).get("held", {}) if run.parent else {}


def versions_for(pack: Resolved, key: str) -> dict[str, str]:
    """What a run of ``pack`` holds to if it begins now. Raises RequirementsMissing, MappingsUnfit or Altered."""
    wanted = pack.manifest.requires
    found = choose_required(pack.installation.workspace_id, pack.installation.pk, wanted.keys(), key) if wanted else {}
    missing = [
        f"{slug} {numbers}"
        for slug, numbers in wanted.items()
        if slug not in found or not satisfies(found[slug][1].version.number, numbers)
    ]
    if missing:
        raise RequirementsMissing(f"{pack.manifest.name} needs {', '.join(missing)}, which is not installed here.")
    refuse_misfits(pack.manifest, pack.installation.workspace_id, found)
    return {str(installation): chosen.digest for installation, chosen in found.values()}


def require_fit(pack: Installation, manifest: Manifest, instead: dict[str, str], but: Collection[str]) -> None:
    """Registered with registry.moves: what the next run of ``pack`` would be refused for. Raises MappingsUnfit."""
    if not manifest.requires:
        return
    found = choose_required(pack.workspace_id, pack.pk, manifest.requires.keys(), "")
    digests = {slug: chosen.digest for slug, (_, chosen) in found.items()}
    _refuse(manifest, pack.workspace_id, digests | instead, {slug: pk for slug, (pk, _) in found.items()}, but)


def refuse_misfits(pack: Manifest, workspace: UUID, found: dict[str, tuple[UUID, Chosen]]) -> None:
    """Before anything runs. Stored inputs of older names are carried over on the way (sandbox.upgrades), so what they
    are of is not judged. Raises MappingsUnfit."""
    digests = {slug: chosen.digest for slug, (_, chosen) in found.items()}
    _refuse(pack, workspace, digests, {slug: pk for slug, (pk, _) in found.items()})


def _refuse(
    pack: Manifest, workspace: UUID, digests: dict[str, str], ids: dict[str, UUID], but: Collection[str] = ()
) -> None:
    try:
        refuse_unfit(pack, digests, but=but)
    except MappingsUnfit:
        carried = InputMigration.objects.filter(workspace=workspace, installation__in=ids.values())
        by_installation = {pk: slug for slug, pk in ids.items()}
        slugs = {by_installation[pk] for pk in carried.values_list("installation", flat=True)}
        if not slugs:
            raise
        refuse_unfit(pack, digests, but={*slugs, *but})
