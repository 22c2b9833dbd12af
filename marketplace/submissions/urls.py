"""Pages of submissions and reviews, within a workspace."""

from django.urls import path

from marketplace.submissions import review_views, views

app_name = "submissions"
urlpatterns = [
    path("submissions/", views.submission_list, name="submission-list"),
    path("submissions/<uuid:pk>/", views.submission_detail, name="submission-detail"),
    path("submissions/<uuid:pk>/withdrawal/", views.submission_withdrawal, name="submission-withdrawal"),
    path("workshop/drafts/<uuid:pk>/submission/", views.submission_create, name="submission-create"),
    path("reviews/", review_views.review_list, name="review-list"),
    path("reviews/<uuid:pk>/", review_views.review_detail, name="review-detail"),
    path("reviews/<uuid:pk>/taking/", review_views.review_taking, name="review-taking"),
    path("reviews/<uuid:pk>/proof/", review_views.review_proof, name="review-proof"),
    path("reviews/<uuid:pk>/release/", review_views.review_release, name="review-release"),
    path("reviews/<uuid:pk>/decision/", review_views.review_decision, name="review-decision"),
]
