"""Addresses of the API, version 1. Each floor has its views; they meet here, as the pages do in galaxy.urls."""

from django.urls import include, path

from galaxy.core.api.docs import docs
from galaxy.core.api.events import EventListView, EventView
from galaxy.core.api.me import MeView
from galaxy.core.api.schema import schema
from marketplace import urls  # noqa: F401  (registers the converter "extension")
from marketplace.api import ListingListView, ListingView
from policies.api import ApprovalDecisionView, ApprovalListView, ApprovalView
from registry.api import InstallationListView, InstallationRemovalView, InstallationView
from sandbox.api import RunCancellationView, RunListView, RunView

app_name = "api"
of_workspace = [
    path("listings/", ListingListView.as_view(), name="listing-list"),
    path("listings/<extension:slug>/", ListingView.as_view(), name="listing-detail"),
    path("installations/", InstallationListView.as_view(), name="installation-list"),
    path("installations/<uuid:pk>/", InstallationView.as_view(), name="installation-detail"),
    path("installations/<uuid:pk>/removal/", InstallationRemovalView.as_view(), name="installation-removal"),
    path("runs/", RunListView.as_view(), name="run-list"),
    path("runs/<uuid:pk>/", RunView.as_view(), name="run-detail"),
    path("runs/<uuid:pk>/cancellation/", RunCancellationView.as_view(), name="run-cancellation"),
    path("approvals/", ApprovalListView.as_view(), name="approval-list"),
    path("approvals/<uuid:pk>/", ApprovalView.as_view(), name="approval-detail"),
    path("approvals/<uuid:pk>/decision/", ApprovalDecisionView.as_view(), name="approval-decision"),
    path("events/", EventListView.as_view(), name="event-list"),
    path("events/<int:pk>/", EventView.as_view(), name="event-detail"),
]
urlpatterns = [
    path("schema/", schema, name="schema"),
    path("docs/", docs, name="docs"),
    path("me/", MeView.as_view(), name="me"),
    path("workspaces/<slug:workspace>/", include(of_workspace)),
]
