from django.urls import path

from policies import views

app_name = "policies"
urlpatterns = [
    path("approvals/", views.approval_list, name="approval-list"),
    path("approvals/<uuid:pk>/", views.approval_detail, name="approval-detail"),
    path("approvals/<uuid:pk>/decision/", views.approval_decision, name="approval-decision"),
    path("approvals/<uuid:pk>/withdrawal/", views.approval_withdrawal, name="approval-withdrawal"),
]
