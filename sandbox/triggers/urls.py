"""Addresses below /w/<workspace>/triggers/; their names are of the namespace sandbox."""

from django.urls import path

from sandbox.triggers import views

urlpatterns = [
    path("", views.trigger_list, name="trigger-list"),
    path("new/", views.trigger_create, name="trigger-create"),
    path("<uuid:pk>/", views.trigger_detail, name="trigger-detail"),
    path("<uuid:pk>/change/", views.trigger_change, name="trigger-change"),
    path("<uuid:pk>/on/", views.trigger_switch_on, name="trigger-on"),
    path("<uuid:pk>/off/", views.trigger_switch_off, name="trigger-off"),
    path("<uuid:pk>/trial/", views.trigger_trial, name="trigger-trial"),
    path("<uuid:pk>/secret/", views.trigger_secret, name="trigger-secret"),
    path("<uuid:pk>/secret/end/", views.trigger_secret_end, name="trigger-secret-end"),
    path("<uuid:pk>/deliveries/", views.delivery_list, name="delivery-list"),
    path("<uuid:pk>/removal/", views.trigger_removal, name="trigger-removal"),
]
