"""Addresses below /w/<workspace>/secrets/; their names are of the namespace core."""

from django.urls import path

from galaxy.core.views import secrets as views

urlpatterns = [
    path("", views.secret_list, name="secret-list"),
    path("new/", views.secret_create, name="secret-create"),
    path("keys/", views.secret_keys, name="secret-keys"),
    path("<uuid:pk>/", views.secret_detail, name="secret-detail"),
    path("<uuid:pk>/versions/new/", views.secret_staging, name="secret-staging"),
    path("<uuid:pk>/versions/<int:number>/test/", views.secret_test, name="secret-test"),
    path("<uuid:pk>/versions/<int:number>/switch/", views.secret_switch, name="secret-switch"),
    path("<uuid:pk>/versions/<int:number>/retirement/", views.secret_retirement, name="secret-retirement"),
    path("<uuid:pk>/shredding/", views.secret_shredding, name="secret-shredding"),
]
