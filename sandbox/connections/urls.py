"""Addresses of connections, within a workspace; their names are the sandbox's."""

from django.urls import path

from sandbox.connections import views

urlpatterns = [
    path("installed/<uuid:pk>/connections/", views.connection_list, name="connection-list"),
    path("installed/<uuid:pk>/connections/own/", views.connection_own, name="connection-own"),
    path("installed/<uuid:pk>/app/", views.app_registration, name="app-registration"),
    path("installed/<uuid:pk>/connected/", views.connection_return, name="connection-return"),
    path("connections/<uuid:pk>/", views.connection_detail, name="connection-detail"),
    path("connections/<uuid:pk>/connect/", views.connection_connect, name="connection-connect"),
    path("connections/<uuid:pk>/test/", views.connection_test, name="connection-test"),
    path("connections/<uuid:pk>/renewal/", views.connection_renewal, name="connection-renewal"),
    path("connections/<uuid:pk>/disconnection/", views.connection_disconnection, name="connection-disconnection"),
]
