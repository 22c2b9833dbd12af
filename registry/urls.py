"""Pages of the registry, within a workspace."""

from django.urls import path

from registry import claim_views, connecting_views, pin_views, publisher_views, rollout_views, update_views, views
from registry.rollback import views as rollback_views

app_name = "registry"
urlpatterns = [
    path("installed/", views.installation_list, name="installation-list"),
    path("installed/<uuid:pk>/", views.installation_detail, name="installation-detail"),
    path("installed/<uuid:pk>/used-by/", views.installation_uses, name="installation-uses"),
    path("installed/<uuid:pk>/removal/", views.installation_removal, name="installation-removal"),
    path("installed/<uuid:pk>/version/", pin_views.pin_change, name="pin-change"),
    path("installed/<uuid:pk>/rollback/", rollback_views.rollback, name="rollback"),
    path("updates/", update_views.update_list, name="update-list"),
    path("updates/rules/", update_views.update_rules, name="update-rules"),
    path("installed/<uuid:pk>/updates/", update_views.update_settings, name="update-settings"),
    path("installed/<uuid:pk>/hold/", update_views.hold_create, name="hold-create"),
    path("installed/<uuid:pk>/hold/removal/", update_views.hold_removal, name="hold-removal"),
    path("installed/<uuid:pk>/wait/", update_views.wait_skip, name="wait-skip"),
    path("installed/<uuid:pk>/planned-move/", update_views.move_schedule, name="move-schedule"),
    path("installed/<uuid:pk>/planned-move/removal/", update_views.move_removal, name="move-removal"),
    path("installed/<uuid:pk>/pack-pins/", rollout_views.pack_pin_list, name="pack-pin-list"),
    path("installed/<uuid:pk>/pack-pins/<uuid:pin>/removal/", rollout_views.pack_pin_removal, name="pack-pin-removal"),
    path("installed/<uuid:pk>/roll-out/", rollout_views.roll_out_create, name="roll-out-create"),
    path("roll-outs/<uuid:pk>/", rollout_views.roll_out_detail, name="roll-out-detail"),
    path("roll-outs/<uuid:pk>/decision/", rollout_views.roll_out_decision, name="roll-out-decision"),
    path("installed/<uuid:pk>/consent/", pin_views.widening, name="widening"),
    path("installed/<uuid:pk>/live/", connecting_views.live_mode, name="live-mode"),
    path("installed/<uuid:pk>/secrets/", connecting_views.secret_use_create, name="secret-use-create"),
    path(
        "installed/<uuid:pk>/secrets/<uuid:use>/removal/",
        connecting_views.secret_use_removal,
        name="secret-use-removal",
    ),
    path("publishers/", publisher_views.publisher_list, name="publisher-list"),
    path("publishers/claims/", claim_views.name_claim_list, name="name-claim-list"),
    path("publishers/claims/new/", claim_views.name_claim_create, name="name-claim-create"),
    path("publishers/claims/<uuid:pk>/", claim_views.name_claim_detail, name="name-claim-detail"),
    path("publishers/<uuid:pk>/", publisher_views.publisher_detail, name="publisher-detail"),
    path("publishers/<uuid:pk>/domain/", publisher_views.publisher_domain, name="publisher-domain"),
    path("publishers/<uuid:pk>/proof/", publisher_views.publisher_proof, name="publisher-proof"),
    path("publishers/<uuid:pk>/team/", publisher_views.publisher_team, name="publisher-team"),
    path(
        "publishers/<uuid:pk>/team/<uuid:member>/removal/",
        publisher_views.publisher_team_removal,
        name="publisher-team-removal",
    ),
    path("publishers/<uuid:pk>/keys/", publisher_views.publisher_keys, name="publisher-keys"),
    path("publishers/<uuid:pk>/signing/", publisher_views.publisher_signing, name="publisher-signing"),
    path("publishers/<uuid:pk>/vouch/", publisher_views.publisher_vouch, name="publisher-vouch"),
    path("signing-keys/", publisher_views.key_list, name="key-list"),
    path("signing-keys/<slug:key>/retirement/", publisher_views.key_retirement, name="key-retirement"),
    path("signing-keys/<slug:key>/revocation/", publisher_views.key_revocation, name="key-revocation"),
]
