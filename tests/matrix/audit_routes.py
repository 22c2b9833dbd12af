"""Addresses and correct bodies of exports, retention and kept views of the trail, of which nothing is sealed yet."""

from galaxy.core.audit.retention import place_hold, set_rule
from galaxy.core.models import ExportJob
from galaxy.core.saved_views import save_view

REASON = "A claim is under way."


def trail(workspace, admin) -> dict:
    """An export that waits for a worker, a rule, a hold, and a view that the admin keeps."""
    return {
        "export": ExportJob.objects.create(workspace=workspace, requested_by=admin),
        "retention_rule": set_rule(workspace, prefix="run.", keep_days=400, actor=admin),
        "legal_hold": place_hold(workspace, reason=REASON, actor=admin),
        "audit_view": save_view(workspace, user=admin, page="audit", name="Refused", query="outcome=refused"),
    }


def place(route: str, things: dict) -> dict:
    export, rule = {"pk": things["export"].pk}, {"pk": things["retention_rule"].pk}
    view = {"pk": things["audit_view"].pk}
    return {
        "core:export-detail": export,
        "core:export-stopping": export,
        "core:export-file": export,
        "api:export-detail": export,
        "api:export-stopping": export,
        "api:export-file": export,
        "core:retention-rule-change": rule,
        "core:retention-rule-removal": rule,
        "core:legal-hold-release": {"pk": things["legal_hold"].pk},
        "core:audit-view-change": view,
        "core:audit-view-removal": view,
    }.get(route, {})


def body(route: str, things: dict) -> dict:
    return {
        "core:export-list": {"query": "outcome=refused", "form": "pack"},
        "core:export-stream": {"query": "", "form": "csv"},
        "api:export-list": {"filters": {"outcome": "refused"}},
        "core:retention-rule-create": {"prefix": "", "keep_days": "400"},
        "core:retention-rule-change": {"keep_days": "500"},
        "core:legal-hold-create": {"reason": REASON},
        "core:legal-hold-release": {"reason": "The claim is settled."},
        "core:audit-view-list": {"name": "Failed", "query": "outcome=failed"},
        "core:audit-view-change": {"name": "Refused by policy"},
    }.get(route, {})
