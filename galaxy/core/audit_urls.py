"""Addresses below /w/<workspace>/audit/: exports, kept views and retention; their names are of the namespace core."""

from django.urls import path

from galaxy.core.audit_forms import TRAIL
from galaxy.core.views import exports, retention, saved_views

urlpatterns = [
    path("views/", saved_views.view_list, {"kept": TRAIL}, name="audit-view-list"),
    path("views/<uuid:pk>/", saved_views.view_change, {"kept": TRAIL}, name="audit-view-change"),
    path("views/<uuid:pk>/removal/", saved_views.view_removal, {"kept": TRAIL}, name="audit-view-removal"),
    path("exports/", exports.export_list, name="export-list"),
    path("exports/stream/", exports.export_stream, name="export-stream"),
    path("exports/<uuid:pk>/", exports.export_detail, name="export-detail"),
    path("exports/<uuid:pk>/stopping/", exports.export_stopping, name="export-stopping"),
    path("exports/<uuid:pk>/file/", exports.export_file, name="export-file"),
    path("retention/", retention.retention_list, name="retention-list"),
    path("retention/rules/new/", retention.retention_rule, name="retention-rule-create"),
    path("retention/rules/<uuid:pk>/", retention.retention_rule, name="retention-rule-change"),
    path("retention/rules/<uuid:pk>/removal/", retention.retention_rule_removal, name="retention-rule-removal"),
    path("retention/holds/new/", retention.hold_create, name="legal-hold-create"),
    path("retention/holds/<uuid:pk>/release/", retention.hold_release, name="legal-hold-release"),
]
