from django.urls import include, path

from sandbox import resilience_views, use_history, views
from sandbox.golden import views as golden
from sandbox.health import views as health
from sandbox.metrics import views as metrics
from sandbox.outcomes import views as outcomes
from sandbox.upgrades import views as upgrades

app_name = "sandbox"
urlpatterns = [
    path("", include("sandbox.connections.urls")),
    path("dashboard/", metrics.show_dashboard, name="dashboard"),
    path("dashboard/targets/", metrics.target_list, name="target-list"),
    path("dashboard/targets/<uuid:pk>/<str:target>/", metrics.target_detail, name="target-detail"),
    path("outcomes/", outcomes.outcome_list, name="outcome-list"),
    path("triggers/", include("sandbox.triggers.urls")),
    path("issues/", resilience_views.issue_list, name="issue-list"),
    path("issues/<uuid:pk>/", resilience_views.issue_detail, name="issue-detail"),
    path("issues/<uuid:pk>/closing/", resilience_views.issue_closing, name="issue-closing"),
    path("connections/<uuid:pk>/limits/", resilience_views.connection_limits, name="connection-limits"),
    path("connections/<uuid:pk>/breaker/", resilience_views.breaker_change, name="breaker-change"),
    path("connections/<uuid:pk>/holds/<uuid:hold>/", resilience_views.hold_release, name="hold-release"),
    path("runs/", views.run_list, name="run-list"),
    path("runs/new/", views.run_create, name="run-create"),
    path("runs/<uuid:pk>/", views.run_detail, name="run-detail"),
    path("runs/<uuid:pk>/cancellation/", views.run_cancellation, name="run-cancellation"),
    path("runs/<uuid:pk>/retry/", views.run_retry, name="run-retry"),
    path("runs/<uuid:pk>/undoing/", views.run_undoing, name="run-undoing"),
    path("runs/<uuid:pk>/step/", views.run_step, name="run-step"),
    path("runs/<uuid:pk>/fixture/", views.run_fixture, name="run-fixture"),
    path("runs/<uuid:pk>/settlement/", views.run_settlement, name="run-settlement"),
    path("installed/<uuid:pk>/health/", health.installation_health, name="installation-health"),
    path("installed/<uuid:pk>/history/", use_history.use_history, name="use-history"),
    path("installed/<uuid:pk>/golden/", golden.golden_flow, name="golden-flow"),
    path("installed/<uuid:pk>/golden/play/", golden.golden_play, name="golden-play"),
    path("installed/<uuid:pk>/golden/mark/", golden.golden_marking, name="golden-marking"),
    path("golden-nights/<uuid:pk>/", golden.golden_night, name="golden-night"),
    path("golden-nights/<uuid:pk>/acceptance/", golden.golden_acceptance, name="golden-acceptance"),
    path("installed/<uuid:pk>/preview/", upgrades.upgrade_preview, name="upgrade-preview"),
    path("previews/<uuid:pk>/", upgrades.preview_detail, name="preview-detail"),
    path("previews/<uuid:pk>/stopping/", upgrades.preview_stopping, name="preview-stopping"),
    path("upgrade-reports/<uuid:pk>/", upgrades.upgrade_report, name="upgrade-report"),
    path("connections/<uuid:pk>/health/", health.connection_health, name="connection-health"),
    path("connections/<uuid:pk>/check/", health.connection_check, name="connection-check"),
]
