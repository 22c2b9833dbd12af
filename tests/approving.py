"""A reviewer who says yes, with the second factor that some requests take."""

from allauth.mfa.models import Authenticator

from galaxy.core.models import User
from policies.models import Approval
from policies.services.approvals import decide_approval


def approve(approval: Approval, reviewer: User) -> Approval:
    """As ``reviewer`` approves what their form showed, with a reason and a second factor shown just now."""
    enrol(reviewer)
    said = {"decision": "approved", "note": "As agreed.", "factor": "totp"}
    return decide_approval(approval, reviewer=reviewer, digest=approval.digest, **said)


def enrol(user: User) -> None:
    """Give ``user`` a second factor, if they have none."""
    Authenticator.objects.get_or_create(
        user=user, type=Authenticator.Type.TOTP, defaults={"data": {"secret": "unused"}}
    )
