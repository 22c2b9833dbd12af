"""What the floor of approvals is told of an upgrade (policies.proofs)."""

from collections.abc import Sequence
from uuid import UUID

from django.urls import reverse

from galaxy.core.models import User
from policies.proofs import Awaited, UpgradeProof
from registry.models import Installation, Version
from registry.moves import Foresight
from registry.services import verified_manifest
from sandbox.models import UpgradePreview
from sandbox.upgrades.calls import has_recorded_calls
from sandbox.upgrades.drill import drill
from sandbox.upgrades.impact import impacts_of, packs_seen, verdict
from sandbox.upgrades.previews import begin_for_request
from sandbox.upgrades.renames import declared
from sandbox.upgrades.report import latest, preview

MOST_COMPARED = 10  # versions of one page


def proof(installation: Installation, version: Version, actor: User, wants: bool, begins: bool) -> UpgradeProof:
    """The newest report, and the drill as things stand. A report is needed where one is asked for, and where inputs are
    called otherwise, which nothing but a report can prove. Calls are replayed by a worker, and where none is recorded
    there is nothing to wait for."""
    report, back = latest(installation, version), drill(installation, version)
    if report is None and (wants or _renames(installation, version)):
        if has_recorded_calls(installation):
            return UpgradeProof(back.sentence, back.one_way, awaited=_awaited(installation, version, actor, begins))
        if begins:
            report = preview(installation, version, actor=actor)
    one_way = tuple(dict.fromkeys([*back.one_way, *(report.one_way if report else ())]))
    if report is None:
        return UpgradeProof(back.sentence, one_way)
    return UpgradeProof(
        way_back=f"One-way: {' '.join(one_way)}" if one_way else back.sentence,
        one_way=one_way,
        report=report.pk,
        digest=report.digest,
        url=report.get_absolute_url(),
        summary=report.summary,
    )


def _awaited(installation: Installation, version: Version, actor: User, begins: bool) -> Awaited:
    rows = UpgradePreview.objects.in_workspace(installation.workspace).filter(
        installation=installation, version=version, from_digest=installation.pin.digest
    )
    last = rows.select_related("workspace").first()
    stuck = last.failure if last and last.state == UpgradePreview.State.FAILED else ""
    if begins:
        last = begin_for_request(installation, version, actor=actor)
    if last and last.is_under_way:
        return Awaited(last.get_absolute_url(), is_under_way=True, stuck=stuck)
    return Awaited(_place(installation, version), stuck=stuck)


def _place(installation: Installation, version: Version) -> str:
    place = reverse("sandbox:upgrade-preview", args=[installation.workspace.slug, installation.pk])
    return f"{place}?to={version.digest}"


def foresight(installation: Installation, version: Version, user: User) -> Foresight:
    """Registered with registry.moves."""
    impacts, back = impacts_of(installation, [version])[0], drill(installation, version)
    report = latest(installation, version)
    return Foresight(
        impact=verdict(impacts, packs_seen(impacts, installation, user)),
        is_affected=any(one.is_felt for one in impacts),
        way_back=back.sentence,
        is_way_back=back.is_way_back,
        url=_place(installation, version),
        replayed=report.summary if report else "",
        report_url=report.get_absolute_url() if report else "",
    )


def impact_words(installation: Installation, versions: Sequence[Version], user: User) -> dict[UUID, str]:
    """What each of ``versions`` that is newer than the one held means for the calls made here, by id, as ``user`` may
    read it."""
    newer = [one for one in versions if one.sort_key > installation.pin.version.sort_key][:MOST_COMPARED]
    found = impacts_of(installation, newer)
    seen = packs_seen([one for some in found for one in some], installation, user)
    return {version.pk: verdict(impacts, seen) for version, impacts in zip(newer, found, strict=True) if impacts}


def report_id(installation: Installation, version: Version) -> UUID | None:
    """Registered with registry.moves."""
    report = latest(installation, version)
    return report.pk if report else None


def _renames(installation: Installation, version: Version) -> bool:
    before, after = verified_manifest(installation.pin.digest), verified_manifest(version.digest)
    return any(
        declared(action, after.actions[name]) for name, action in before.actions.items() if name in after.actions
    )
