"""Pages of reviews, within a workspace."""

from django.urls import path

from marketplace.reviews import views

app_name = "reviews"
urlpatterns = [
    path("marketplace/<extension:slug>/reviews/", views.review_list, name="review-list"),
    path("marketplace/<extension:slug>/reviews/of/<number:number>/", views.review_write, name="review-write"),
    path("marketplace/<extension:slug>/reviews/<uuid:pk>/removal/", views.review_removal, name="review-removal"),
    path("marketplace/<extension:slug>/reviews/<uuid:pk>/hiding/", views.review_hiding, name="review-hiding"),
    path("marketplace/<extension:slug>/reviews/<uuid:pk>/showing/", views.review_showing, name="review-showing"),
]
