"""What the floor of approvals is told of an upgrade (policies.proofs)."""

from collections.abc import Sequence
from uuid import UUID

from django.urls import reverse

from galaxy.core.models import User
from policies.proofs import UpgradeProof
from registry.models import Installation, Version
from registry.moves import Foresight
from registry.services import verified_manifest
from sandbox.upgrades.drill import drill
from sandbox.upgrades.impact import impacts_of, verdict
from sandbox.upgrades.renames import declared
from sandbox.upgrades.report import latest, preview

MOST_COMPARED = 10  # versions of one page


def proof(installation: Installation, version: Version, actor: User, make: bool) -> UpgradeProof:
    """The newest report, and the drill as things stand. A report is made where there is none and one is asked for, or
    where inputs are called otherwise, which nothing but a report can prove."""
    report = latest(installation, version)
    if report is None and (make or _renames(installation, version)):
        report = preview(installation, version, actor=actor)
    back = drill(installation, version)
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


def foresight(installation: Installation, version: Version) -> Foresight:
    """Registered with registry.moves."""
    impacts, back = impacts_of(installation, [version])[0], drill(installation, version)
    report = latest(installation, version)
    place = reverse("sandbox:upgrade-preview", args=[installation.workspace.slug, installation.pk])
    return Foresight(
        impact=verdict(impacts),
        is_affected=any(one.is_felt for one in impacts),
        way_back=back.sentence,
        is_way_back=back.is_way_back,
        url=f"{place}?to={version.digest}",
        replayed=report.summary if report else "",
        report_url=report.get_absolute_url() if report else "",
    )


def impact_words(installation: Installation, versions: Sequence[Version]) -> dict[UUID, str]:
    """What each of ``versions`` that is newer than the one held means for the calls made here, by id."""
    newer = [one for one in versions if one.sort_key > installation.pin.version.sort_key][:MOST_COMPARED]
    found = impacts_of(installation, newer)
    return {version.pk: verdict(impacts) for version, impacts in zip(newer, found, strict=True) if impacts}


def report_id(installation: Installation, version: Version) -> UUID | None:
    """Registered with registry.moves."""
    report = latest(installation, version)
    return report.pk if report else None


def _renames(installation: Installation, version: Version) -> bool:
    before, after = verified_manifest(installation.pin.digest), verified_manifest(version.digest)
    return any(
        declared(action, after.actions[name]) for name, action in before.actions.items() if name in after.actions
    )
