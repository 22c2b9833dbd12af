"""Addresses of decisions, scopes and past states; their names are of the namespace policies."""

from django.urls import path

from policies import record_views as views

urlpatterns = [
    path("decisions/", views.decision_list, name="decision-list"),
    path("decisions/<uuid:pk>/", views.decision_detail, name="decision-detail"),
    path("policies/cedar/", views.rule_cedar, name="rule-cedar"),
    path("scopes/", views.scope_list, name="scope-list"),
    path("as-of/", views.as_of, name="as-of"),
]
