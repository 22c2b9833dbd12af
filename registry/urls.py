"""Pages of the registry, within a workspace."""

from django.urls import path

from registry import views

app_name = "registry"
urlpatterns = [
    path("installed/", views.installation_list, name="installation-list"),
    path("installed/<uuid:pk>/", views.installation_detail, name="installation-detail"),
    path("installed/<uuid:pk>/removal/", views.installation_removal, name="installation-removal"),
]
