"""Pages of floor 0."""

from galaxy.core.views.account import (
    preferences,
    session_ending,
    session_endings,
    session_extension,
    session_list,
    session_state,
)
from galaxy.core.views.audit import audit_detail, audit_list
from galaxy.core.views.break_glass import (
    break_glass_ending,
    break_glass_list,
    support_access,
    support_access_ending,
)
from galaxy.core.views.grants import (
    grant_create,
    grant_revocation,
    request_create,
    request_decision,
    request_withdrawal,
)
from galaxy.core.views.invitations import (
    invitation_acceptance,
    invitation_create,
    invitation_mail,
    invitation_withdrawal,
)
from galaxy.core.views.members import member_detail, member_list, member_ownership, member_removal, member_role
from galaxy.core.views.notifications import notification_list, notification_reading, notification_readings
from galaxy.core.views.ops import csp_report, health, ready, system
from galaxy.core.views.proof import proof
from galaxy.core.views.roles import role_create, role_detail, role_list, role_removal
from galaxy.core.views.seal import audit_seal, audit_verification, audit_verification_create
from galaxy.core.views.settings import workspace_settings
from galaxy.core.views.shell import (
    bad_request,
    csrf_failure,
    help_page,
    home,
    not_found,
    permission_denied,
    search,
    server_error,
    workspace_list,
)
from galaxy.core.views.tokens import token_list, token_revocation

__all__ = [
    "audit_detail",
    "audit_list",
    "audit_seal",
    "audit_verification",
    "audit_verification_create",
    "bad_request",
    "break_glass_ending",
    "break_glass_list",
    "csp_report",
    "csrf_failure",
    "grant_create",
    "grant_revocation",
    "health",
    "help_page",
    "home",
    "invitation_acceptance",
    "invitation_create",
    "invitation_mail",
    "invitation_withdrawal",
    "member_detail",
    "member_list",
    "member_ownership",
    "member_removal",
    "member_role",
    "not_found",
    "notification_list",
    "notification_reading",
    "notification_readings",
    "permission_denied",
    "preferences",
    "proof",
    "ready",
    "request_create",
    "request_decision",
    "request_withdrawal",
    "role_create",
    "role_detail",
    "role_list",
    "role_removal",
    "search",
    "server_error",
    "session_ending",
    "session_endings",
    "session_extension",
    "session_list",
    "session_state",
    "support_access",
    "support_access_ending",
    "system",
    "token_list",
    "token_revocation",
    "workspace_list",
    "workspace_settings",
]
