from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "Registry"

    def ready(self):
        from galaxy.core.audit.streams.links import add_link
        from galaxy.core.grantables import Grantable, add_grantable
        from galaxy.core.navigation import Item, add_item
        from galaxy.core.restoring import findings
        from galaxy.core.vault.tables import EnvelopeTable, register
        from registry import notifications, palette
        from registry.access import GRANTABLE_ACTS
        from registry.models import AppRegistration, ConnectionCredential, Installation
        from registry.publishers import news
        from registry.publishers.claiming import is_maker_in
        from registry.services.credentials import place_of_app, place_of_credential
        from registry.services.quarantining import stop_unvouched
        from registry.signing.restoring import misfits
        from registry.signing.revoking import register_stopper
        from registry.updates.facts import with_newer

        register(EnvelopeTable(ConnectionCredential, place_of_credential))
        register(EnvelopeTable(AppRegistration, place_of_app))
        register_stopper(stop_unvouched)
        findings.add_check(misfits)
        notifications.connect()
        news.connect()
        add_link("rollout", "registry:roll-out-detail")
        palette.connect()
        add_item(
            Item(
                section="Registry",
                order=10,
                label="Installed",
                url_name="registry:installation-list",
                icon="blocks",
                permission="core.view_installation",
                key="i",
                covers=("connections/",),
                counted=lambda request: (
                    Installation.objects.in_workspace(request.workspace)
                    .active()
                    .visible_to(request.user, request.workspace)
                ),
            )
        )
        add_item(
            Item(
                section="Registry",
                order=15,
                label="Updates",
                url_name="registry:update-list",
                icon="circle-arrow-up",
                permission="core.view_installation",
                key="n",
                covers=("roll-outs/",),
                counted=lambda request: with_newer(
                    Installation.objects.in_workspace(request.workspace)
                    .active()
                    .visible_to(request.user, request.workspace)
                ),
            )
        )
        add_item(
            Item(
                "Build",
                40,
                "Publishers",
                "registry:publisher-list",
                "badge-check",
                "core.view_listing",
                offered=lambda request: is_maker_in(request.workspace, request.user),
                covers=("signing-keys/",),
            )
        )
        add_grantable(
            Grantable(
                kind="registry.installation",
                noun="extension",
                permissions=GRANTABLE_ACTS,
                viewing="view_installation",
                filters=(("removed_at", None),),
                related=("workspace", "extension"),
            )
        )
