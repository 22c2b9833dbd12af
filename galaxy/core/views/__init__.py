"""Pages of floor 0."""

from galaxy.core.views.audit import audit_detail, audit_list
from galaxy.core.views.ops import csp_report, health, ready, system
from galaxy.core.views.shell import (
    bad_request,
    csrf_failure,
    help_page,
    home,
    not_found,
    permission_denied,
    preferences,
    server_error,
    workspace_list,
)

__all__ = [
    "audit_detail",
    "audit_list",
    "bad_request",
    "csp_report",
    "csrf_failure",
    "health",
    "help_page",
    "home",
    "not_found",
    "permission_denied",
    "preferences",
    "ready",
    "server_error",
    "system",
    "workspace_list",
]
