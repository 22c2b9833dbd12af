from django.urls import path

from galaxy.core import patterns, views

app_name = "core"
urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.health, name="health"),
    path("readyz", views.ready, name="readiness"),
    path("system/", views.system, name="system"),
    path("csp-reports/", views.csp_report, name="csp-report"),
    path("help/", views.help_page, name="help"),
    path("patterns/", patterns.patterns, name="patterns"),
    path("preferences/", views.preferences, name="preferences"),
    path("w/", views.workspace_list, name="workspace-list"),
    path("w/<slug:workspace>/audit/", views.audit_list, name="audit-list"),
    path("w/<slug:workspace>/audit/<int:pk>/", views.audit_detail, name="audit-detail"),
]
