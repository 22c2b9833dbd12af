"""Addresses of standing yeses, of who answers, and of changes that wait for a yes; within those of the app."""

from django.urls import path

from policies import change_views, delegation_views, grant_views, group_views

urlpatterns = [
    path("approvals/groups/", group_views.group_list, name="group-list"),
    path("approvals/groups/new/", group_views.group_create, name="group-create"),
    path("approvals/groups/<uuid:pk>/", group_views.group_detail, name="group-detail"),
    path("approvals/groups/<uuid:pk>/end/", group_views.group_end, name="group-end"),
    path("approvals/groups/<uuid:pk>/members/", group_views.group_member_create, name="group-member-create"),
    path(
        "approvals/groups/<uuid:pk>/members/<uuid:user>/removal/",
        group_views.group_member_removal,
        name="group-member-removal",
    ),
    path("approvals/delegations/", delegation_views.delegation_list, name="delegation-list"),
    path("approvals/delegations/<uuid:pk>/end/", delegation_views.delegation_end, name="delegation-end"),
    path("approvals/auto-approve/", grant_views.auto_approval_list, name="auto-approval-list"),
    path("approvals/auto-approve/new/", grant_views.auto_approval_create, name="auto-approval-create"),
    path("approvals/auto-approve/<uuid:pk>/", grant_views.auto_approval_detail, name="auto-approval-detail"),
    path(
        "approvals/auto-approve/<uuid:pk>/revocation/",
        grant_views.auto_approval_revocation,
        name="auto-approval-revocation",
    ),
    path("changes/", change_views.change_create, name="change-create"),
    path("changes/<uuid:pk>/", change_views.change_detail, name="change-detail"),
]
