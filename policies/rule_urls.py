"""Addresses of rules and of the sets they were in; their names are of the namespace policies."""

from django.urls import path

from policies import rule_views as views
from policies import ruleset_views as sets

urlpatterns = [
    path("policies/", views.rule_list, name="rule-list"),
    path("policies/new/", views.rule_create, name="rule-create"),
    path("policies/<uuid:pk>/", views.rule_detail, name="rule-detail"),
    path("policies/<uuid:pk>/change/", views.rule_change, name="rule-change"),
    path("policies/<uuid:pk>/end/", views.rule_end, name="rule-end"),
    path("policies/history/", sets.ruleset_list, name="ruleset-list"),
    path("policies/history/<int:number>/", sets.ruleset_detail, name="ruleset-detail"),
    path("policies/history/<int:number>/restore/", sets.ruleset_restore, name="ruleset-restore"),
]
