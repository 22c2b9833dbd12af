"""Pages of the workshop, within a workspace."""

from django.urls import path

from marketplace.workshop import document_views, field_views, migration_views, pack_views, transform_views, views

app_name = "workshop"
urlpatterns = [
    path("workshop/", views.draft_list, name="draft-list"),
    path("workshop/new/", views.draft_create, name="draft-create"),
    path("workshop/drafts/<uuid:pk>/", views.draft_detail, name="draft-detail"),
    path("workshop/drafts/<uuid:pk>/text/", views.draft_text, name="draft-text"),
    path("workshop/drafts/<uuid:pk>/check/", views.draft_check, name="draft-check"),
    path("workshop/drafts/<uuid:pk>/fields/", field_views.draft_fields, name="draft-fields"),
    path("workshop/drafts/<uuid:pk>/fields/check/", field_views.draft_fields_check, name="draft-fields-check"),
    path("workshop/drafts/<uuid:pk>/steps/", pack_views.pack_editor, name="pack-editor"),
    path("workshop/drafts/<uuid:pk>/trial/", pack_views.pack_trial, name="pack-trial"),
    path("workshop/drafts/<uuid:pk>/operations/", transform_views.transform_editor, name="transform-editor"),
    path("workshop/drafts/<uuid:pk>/migration/", migration_views.draft_migration, name="draft-migration"),
    path("workshop/drafts/<uuid:pk>/tests/", views.draft_tests, name="draft-tests"),
    path("workshop/drafts/<uuid:pk>/version/", views.draft_version, name="draft-version"),
    path("workshop/drafts/<uuid:pk>/removal/", views.draft_removal, name="draft-removal"),
    path("workshop/drafts/<uuid:pk>/files/", views.draft_file_create, name="draft-file-create"),
    path("workshop/drafts/<uuid:pk>/files/<uuid:file>/removal/", views.draft_file_removal, name="draft-file-removal"),
    path(
        "workshop/drafts/<uuid:pk>/versions/<uuid:version>/installation/",
        views.version_installation,
        name="version-installation",
    ),
    path(
        "workshop/drafts/<uuid:pk>/versions/<uuid:version>/withdrawal/",
        views.version_withdrawal,
        name="version-withdrawal",
    ),
    path("workshop/documents/", document_views.document_create, name="document-create"),
    path("workshop/documents/<uuid:pk>/", document_views.document_detail, name="document-detail"),
    path("workshop/documents/<uuid:pk>/choice/", document_views.document_choice, name="document-choice"),
    path("workshop/documents/<uuid:pk>/draft/", document_views.document_draft, name="document-draft"),
    path("workshop/documents/<uuid:pk>/removal/", document_views.document_removal, name="document-removal"),
]
