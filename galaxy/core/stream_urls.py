"""Addresses below /w/<workspace>/audit/streams/; their names are of the namespace core."""

from django.urls import path

from galaxy.core.views import streams as views

urlpatterns = [
    path("", views.sink_list, name="sink-list"),
    path("new/", views.sink_create, name="sink-create"),
    path("<uuid:pk>/", views.sink_detail, name="sink-detail"),
    path("<uuid:pk>/trial/", views.sink_trial, name="sink-trial"),
    path("<uuid:pk>/pause/", views.sink_pause, name="sink-pause"),
    path("<uuid:pk>/resumption/", views.sink_resumption, name="sink-resumption"),
    path("<uuid:pk>/replay/", views.sink_replay, name="sink-replay"),
    path("<uuid:pk>/key/", views.sink_key, name="sink-key"),
    path("<uuid:pk>/removal/", views.sink_removal, name="sink-removal"),
]
