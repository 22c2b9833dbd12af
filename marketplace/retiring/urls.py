"""Pages about how versions end, within a workspace."""

from django.urls import path

from marketplace.retiring import quarantine_views, signing_views, views

_RELEASE = "publications/<extension:slug>/<number:number>"

app_name = "retiring"
urlpatterns = [
    path("publications/", views.publication_list, name="publication-list"),
    path("publications/<extension:slug>/", views.publication_detail, name="publication-detail"),
    path(f"{_RELEASE}/deprecation/", views.deprecation, name="deprecation"),
    path(f"{_RELEASE}/deprecation/end/", views.deprecation_end, name="deprecation-end"),
    path(f"{_RELEASE}/yanking/", views.yanking, name="yanking"),
    path(f"{_RELEASE}/signature/", signing_views.signature, name="signature"),
    path(f"{_RELEASE}/statement/", signing_views.statement, name="statement"),
    path("quarantine/", quarantine_views.quarantine_list, name="quarantine-list"),
    path("quarantine/calls/", quarantine_views.quarantine_calls, name="quarantine-calls"),
    path("quarantine/<uuid:pk>/end/", quarantine_views.quarantine_end, name="quarantine-end"),
    path("quarantine/<extension:slug>/<number:number>/", quarantine_views.quarantine_create, name="quarantine-create"),
]
