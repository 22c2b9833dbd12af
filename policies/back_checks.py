"""What a rollback means for what was asked and agreed to: requests that wait, and grants for one version alone."""

from collections.abc import Iterator

from django.utils import timezone

from policies.models import Approval, AutoApproval
from registry.models import Installation, Version
from registry.rollback.checks import CARE, Check


def checks_of(installation: Installation, version: Version) -> Iterator[Check]:
    """Registered with registry.rollback.checks."""
    waiting = Approval.objects.in_workspace(installation.workspace).waiting().filter(installation=installation)
    if count := waiting.count():
        title = f"{count} request{'s' if count > 1 else ''} that wait{'' if count > 1 else 's'} would be asked again"
        yield Check("approvals", CARE, title, f"A yes holds for {installation.pin.version.number} alone.")
    grants = AutoApproval.objects.in_workspace(installation.workspace).filter(
        installation=installation, ended_at=None, ends_at__gt=timezone.now()
    )
    if count := grants.count():
        title = f"{count} Auto-Approve grant{'s' if count > 1 else ''} end{'' if count > 1 else 's'}"
        yield Check("grants", CARE, title, "A grant is for one version. It can be given anew.")
