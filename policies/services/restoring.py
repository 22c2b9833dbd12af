"""After a backup was restored: no yes of before it holds, and no request of before it can be answered.

What was approved when the backup was made may have been used since, what waited may have been approved and used, or
refused; a grant may have been spent or taken back. None of that is in the database any more.
"""

from django.db import transaction
from django.db.models.functions import Now

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.models import Workspace
from galaxy.core.notifications import notify
from policies.clock import database_now
from policies.models import Approval, AutoApproval
from policies.services.auto_approve import Ended, end_auto_approval
from policies.services.requesting import close, is_simulated

Status = Approval.Status
BECAUSE = "A backup was restored, and nobody knows what became of this in between. Ask again if it is still wanted."


@transaction.atomic
def void_all(workspace: Workspace) -> dict[str, int]:
    """Use up every yes that nobody used, close every request that waits, and end every Auto-Approve grant."""
    here = Approval.objects.in_workspace(workspace).select_for_update(of=("self",)).select_related("workspace")
    now = database_now()
    unused = list(here.filter(status=Status.APPROVED, consumed_at=None, expires_at__gt=now))
    for approval in unused:
        _use_up(approval)
    waiting = list(here.filter(status=Status.PENDING).select_related("requested_by"))
    for approval in waiting:
        close(approval, Status.WITHDRAWN if approval.expires_at > now else Status.EXPIRED, Actor.of(None), why=BECAUSE)
        notify(workspace, [approval.requested_by], "approval_decided", approval, note=BECAUSE)
    grants = AutoApproval.objects.in_workspace(workspace).filter(ended_at=None)
    ended = list(grants.select_for_update(of=("self",)).select_related("workspace", "owner"))
    for grant in ended:
        end_auto_approval(grant, Ended.REVOKED, note="A backup was restored, so its uses are not known.")
    return {"approvals not used": len(unused), "requests": len(waiting), "Auto-Approve grants": len(ended)}


def _use_up(approval: Approval) -> None:
    Approval.objects.in_workspace(approval.workspace).filter(pk=approval.pk).update(consumed_at=Now())
    audit.record("approval.voided", actor=None, target=approval, simulated=is_simulated(approval), reason=BECAUSE)
