"""Pages of bundles, within a workspace."""

from django.urls import path

from marketplace import urls  # noqa: F401  (registers the converter "extension")
from marketplace.bundles import views

app_name = "bundles"
urlpatterns = [
    path("bundles/", views.bundle_list, name="bundle-list"),
    path("bundles/<uuid:pk>/", views.upload_detail, name="upload-detail"),
    path("bundles/<uuid:pk>/import/", views.upload_import, name="upload-import"),
    path("bundles/<uuid:pk>/removal/", views.upload_removal, name="upload-removal"),
    path("marketplace/<extension:slug>/bundle/", views.bundle_export, name="bundle-export"),
    path("bundle-sources/", views.source_list, name="source-list"),
    path("bundle-sources/<uuid:pk>/speaking/", views.source_speaking, name="source-speaking"),
    path("bundle-sources/<uuid:pk>/revocation/", views.source_revocation, name="source-revocation"),
]
