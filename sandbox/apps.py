from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "sandbox"
    verbose_name = "Sandbox"

    def ready(self):
        from galaxy.core.audit.streams.delivering import register_sender
        from galaxy.core.audit.streams.links import add_link
        from galaxy.core.navigation import Item, add_item
        from galaxy.core.notifications.hooks import delivering
        from galaxy.core.ops import readiness
        from galaxy.core.telemetry.prometheus import add_source
        from galaxy.core.vault import sealing
        from galaxy.core.vault.services import testing
        from galaxy.core.vault.tables import EnvelopeTable
        from galaxy.core.vault.tables import register as register_table
        from policies import triggers
        from registry import standing
        from registry.publishers.proving import register_lookup
        from registry.services.ending import register_prover
        from registry.signing import register_signer
        from registry.updates import faring
        from sandbox import notifications, origins, palette, receivers
        from sandbox.condition import sandbox
        from sandbox.health.standing import standings_of
        from sandbox.metrics.operators import figures
        from sandbox.models import Issue, TriggerKey
        from sandbox.rollouts import faring_of
        from sandbox.sandboxd import news
        from sandbox.sandboxd.names import ask_for_records
        from sandbox.sandboxd.releases import ask_for_signature
        from sandbox.sandboxd.sealing import RemoteSealer
        from sandbox.sandboxd.streams import ask_to_send
        from sandbox.sandboxd.trials import ask_for_trial
        from sandbox.triggers.keys import place_of_key
        from sandbox.triggers.reading import names_of
        from sandbox.upgrades import is_safe

        readiness.add_check("sandbox", sandbox)
        add_source(figures)
        triggers.register(names_of)
        register_table(EnvelopeTable(TriggerKey, place_of_key))
        register_prover(is_safe)
        register_sender(ask_to_send)
        delivering.register_sender(news.ask_to_send)
        add_link("run", "sandbox:run-detail")
        sealing.register(RemoteSealer)
        register_signer(ask_for_signature)
        register_lookup(ask_for_records)
        testing.register_tester(ask_for_trial)
        standing.register(standings_of)
        faring.register(faring_of)
        receivers.connect()
        origins.connect()
        notifications.connect()
        palette.connect()
        look = ("outcomes/",)
        add_item(Item("", 12, "Dashboard", "sandbox:dashboard", "gauge", "core.view_listing", key="d", covers=look))
        add_item(Item("", 35, "Triggers", "sandbox:trigger-list", "zap", "core.view_installation", key="h"))
        add_item(Item("", 30, "Runs", "sandbox:run-list", "activity", "core.view_listing", key="r"))
        add_item(
            Item(
                section="",
                order=40,
                label="Issues",
                url_name="sandbox:issue-list",
                icon="siren",
                permission="core.view_installation",
                key="e",
                counted=lambda request: (
                    Issue.objects.in_workspace(request.workspace).visible_to(request.user, request.workspace).open()
                ),
            )
        )
