from django.urls import path

from galaxy.core.views import saved_views
from policies import following_views, record_urls, rule_urls, standing_urls, views
from policies.queue_filters import QUEUE

app_name = "policies"
urlpatterns = [
    path("approvals/", views.approval_list, name="approval-list"),
    path("approvals/<uuid:pk>/", views.approval_detail, name="approval-detail"),
    path("approvals/<uuid:pk>/decision/", views.approval_decision, name="approval-decision"),
    path("approvals/<uuid:pk>/withdrawal/", following_views.approval_withdrawal, name="approval-withdrawal"),
    path("approvals/<uuid:pk>/reminder/", following_views.approval_reminder, name="approval-reminder"),
    path("approvals/<uuid:pk>/repetition/", following_views.approval_repetition, name="approval-repetition"),
    path("approvals/<uuid:pk>/handover/", following_views.approval_handover, name="approval-handover"),
    path("approvals/<uuid:pk>/narrowing/", following_views.approval_narrowing, name="approval-narrowing"),
    path("approvals/decisions/", views.approval_decisions, name="approval-decisions"),
    path("approvals/views/", saved_views.view_list, {"kept": QUEUE}, name="view-list"),
    path("approvals/views/<uuid:pk>/", saved_views.view_change, {"kept": QUEUE}, name="view-change"),
    path("approvals/views/<uuid:pk>/removal/", saved_views.view_removal, {"kept": QUEUE}, name="view-removal"),
    *standing_urls.urlpatterns,
    *record_urls.urlpatterns,
    *rule_urls.urlpatterns,
]
