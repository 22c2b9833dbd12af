"""Pages of how publications fare, within a workspace."""

from django.urls import path

from marketplace.telemetry import views

app_name = "telemetry"
urlpatterns = [
    path("publications/<extension:slug>/telemetry/", views.telemetry_detail, name="telemetry-detail"),
]
