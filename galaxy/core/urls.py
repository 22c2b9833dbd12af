from django.urls import path

from galaxy.core import patterns, views

app_name = "core"
urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.health, name="health"),
    path("readyz", views.ready, name="readiness"),
    path("system/", views.system, name="system"),
    path("system/break-glass/", views.break_glass_list, name="break-glass-list"),
    path("system/break-glass/<uuid:pk>/ending/", views.break_glass_ending, name="break-glass-ending"),
    path("csp-reports/", views.csp_report, name="csp-report"),
    path("help/", views.help_page, name="help"),
    path("patterns/", patterns.patterns, name="patterns"),
    path("preferences/", views.preferences, name="preferences"),
    path("account/proof/", views.proof, name="proof"),
    path("account/sessions/", views.session_list, name="session-list"),
    path("account/sessions/endings/", views.session_endings, name="session-endings"),
    path("account/sessions/<int:pk>/ending/", views.session_ending, name="session-ending"),
    path("w/", views.workspace_list, name="workspace-list"),
    path("w/<slug:workspace>/tokens/", views.token_list, name="token-list"),
    path("w/<slug:workspace>/tokens/<uuid:pk>/revocation/", views.token_revocation, name="token-revocation"),
    path("w/<slug:workspace>/settings/", views.workspace_settings, name="workspace-settings"),
    path("w/<slug:workspace>/audit/", views.audit_list, name="audit-list"),
    path("w/<slug:workspace>/audit/<int:pk>/", views.audit_detail, name="audit-detail"),
    path("w/<slug:workspace>/notifications/", views.notification_list, name="notification-list"),
    path("w/<slug:workspace>/notifications/readings/", views.notification_readings, name="notification-readings"),
    path(
        "w/<slug:workspace>/notifications/<uuid:pk>/reading/", views.notification_reading, name="notification-reading"
    ),
    path("w/<slug:workspace>/settings/support-access/", views.support_access, name="support-access"),
    path(
        "w/<slug:workspace>/settings/support-access/<uuid:pk>/ending/",
        views.support_access_ending,
        name="support-access-ending",
    ),
    path("invitations/<str:token>/", views.invitation_acceptance, name="invitation-acceptance"),
    path("w/<slug:workspace>/members/", views.member_list, name="member-list"),
    path("w/<slug:workspace>/members/<uuid:pk>/", views.member_detail, name="member-detail"),
    path("w/<slug:workspace>/members/<uuid:pk>/role/", views.member_role, name="member-role"),
    path("w/<slug:workspace>/members/<uuid:pk>/removal/", views.member_removal, name="member-removal"),
    path("w/<slug:workspace>/members/<uuid:pk>/ownership/", views.member_ownership, name="member-ownership"),
    path("w/<slug:workspace>/members/invitations/", views.invitation_create, name="invitation-create"),
    path("w/<slug:workspace>/members/invitations/<uuid:pk>/mail/", views.invitation_mail, name="invitation-mail"),
    path(
        "w/<slug:workspace>/members/invitations/<uuid:pk>/withdrawal/",
        views.invitation_withdrawal,
        name="invitation-withdrawal",
    ),
    path("w/<slug:workspace>/roles/", views.role_list, name="role-list"),
    path("w/<slug:workspace>/roles/new/", views.role_create, name="role-create"),
    path("w/<slug:workspace>/roles/<uuid:pk>/", views.role_detail, name="role-detail"),
    path("w/<slug:workspace>/roles/<uuid:pk>/removal/", views.role_removal, name="role-removal"),
    path("w/<slug:workspace>/grants/", views.grant_create, name="grant-create"),
    path("w/<slug:workspace>/grants/revocation/", views.grant_revocation, name="grant-revocation"),
    path("w/<slug:workspace>/permission-requests/", views.request_create, name="request-create"),
    path("w/<slug:workspace>/permission-requests/<uuid:pk>/decision/", views.request_decision, name="request-decision"),
    path(
        "w/<slug:workspace>/permission-requests/<uuid:pk>/withdrawal/",
        views.request_withdrawal,
        name="request-withdrawal",
    ),
]
