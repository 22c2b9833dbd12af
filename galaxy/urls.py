"""Every address of Galaxy. Pages of a workspace live under /w/<slug>/."""

from allauth.account.views import login
from django.urls import include, path

from galaxy.core.recovery_codes import Download
from galaxy.core.sso.views import offers_providers
from galaxy.overview import overview
from sandbox.triggers.hook_views import hook

handler400 = "galaxy.core.views.bad_request"
handler403 = "galaxy.core.views.permission_denied"
handler404 = "galaxy.core.views.not_found"
handler500 = "galaxy.core.views.server_error"

urlpatterns = [
    path("", include("galaxy.core.urls")),
    path("api/v1/", include("galaxy.api_urls")),
    path("hooks/<str:address>/", hook, name="hook"),
    path("account/login/", offers_providers(login), name="account_login"),
    path("account/", include("allauth.account.urls")),
    path("account/second-factor/recovery-codes/download/", Download.as_view(), name="mfa_download_recovery_codes"),
    path("account/second-factor/", include("allauth.mfa.urls")),
    path("w/<slug:workspace>/", overview, name="overview"),
    path("w/<slug:workspace>/", include("galaxy.agents.urls")),
    path("w/<slug:workspace>/", include("registry.urls")),
    path("w/<slug:workspace>/", include("policies.urls")),
    path("w/<slug:workspace>/", include("sandbox.urls")),
    path("w/<slug:workspace>/", include("marketplace.urls")),
    path("w/<slug:workspace>/", include("marketplace.assistant.urls")),
    path("w/<slug:workspace>/", include("marketplace.bundles.urls")),
    path("w/<slug:workspace>/", include("marketplace.reviews.urls")),
    path("w/<slug:workspace>/", include("marketplace.retiring.urls")),
    path("w/<slug:workspace>/", include("marketplace.telemetry.urls")),
    path("w/<slug:workspace>/", include("marketplace.workshop.urls")),
    path("w/<slug:workspace>/", include("marketplace.submissions.urls")),
]
