"""Pages of the registry, within a workspace."""

from django.urls import path

from registry import connecting_views, pin_views, views
from registry.rollback import views as rollback_views

app_name = "registry"
urlpatterns = [
    path("installed/", views.installation_list, name="installation-list"),
    path("installed/<uuid:pk>/", views.installation_detail, name="installation-detail"),
    path("installed/<uuid:pk>/removal/", views.installation_removal, name="installation-removal"),
    path("installed/<uuid:pk>/version/", pin_views.pin_change, name="pin-change"),
    path("installed/<uuid:pk>/rollback/", rollback_views.rollback, name="rollback"),
    path("installed/<uuid:pk>/consent/", pin_views.widening, name="widening"),
    path("installed/<uuid:pk>/live/", connecting_views.live_mode, name="live-mode"),
    path("installed/<uuid:pk>/secrets/", connecting_views.secret_use_create, name="secret-use-create"),
    path(
        "installed/<uuid:pk>/secrets/<uuid:use>/removal/",
        connecting_views.secret_use_removal,
        name="secret-use-removal",
    ),
]
