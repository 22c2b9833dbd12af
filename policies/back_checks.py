"""What a rollback or a removal means for what was asked and agreed to: requests that wait, and grants in force."""

from collections.abc import Iterator

from django.utils import timezone

from galaxy.core.models import User
from galaxy.core.permissions import can
from policies.models import Approval, AutoApproval
from registry.dependants import APPROVAL, GRANT, Use
from registry.models import Installation, Version
from registry.rollback.checks import CARE, Check


def checks_of(installation: Installation, version: Version) -> Iterator[Check]:
    """Registered with registry.rollback.checks."""
    waiting = _waiting(installation)
    if count := waiting.count():
        title = f"{count} request{'s' if count > 1 else ''} that wait{'' if count > 1 else 's'} would be asked again"
        yield Check("approvals", CARE, title, f"A yes holds for {installation.pin.version.number} alone.")
    grants = _grants(installation)
    if count := grants.count():
        title = f"{count} Auto-Approve grant{'s' if count > 1 else ''} end{'' if count > 1 else 's'}"
        yield Check("grants", CARE, title, "A grant is for one version. It can be given anew.")


def uses_of(installation: Installation, user: User | None) -> Iterator[Use]:
    """Registered with registry.dependants."""
    opens = None
    if user is not None:
        visible = Approval.objects.in_workspace(installation.workspace).visible_to(user, installation.workspace)
        opens = set(visible.filter(installation=installation).values_list("pk", flat=True))
    for one in _waiting(installation).select_related("workspace", "requested_by"):
        is_open = opens is None or one.pk in opens
        name, owner = (one.summary, str(one.requested_by)) if is_open else ("A request that you may not open", "")
        yield Use(APPROVAL, name, owner, one.get_absolute_url() if is_open else "", "waits for a yes")
    sees_rules = user is None or can(user, "core.view_rule", installation.workspace)
    for grant in _grants(installation).select_related("workspace", "owner"):
        name, url = (str(grant), grant.get_absolute_url()) if sees_rules else ("A grant that you may not open", "")
        yield Use(GRANT, name, str(grant.owner) if sees_rules else "", url, "answers requests about it")


def _waiting(installation: Installation):
    return Approval.objects.in_workspace(installation.workspace).waiting().filter(installation=installation)


def _grants(installation: Installation):
    rows = AutoApproval.objects.in_workspace(installation.workspace).filter(installation=installation, ended_at=None)
    return rows.filter(ends_at__gt=timezone.now())
