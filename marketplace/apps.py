from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    verbose_name = "Marketplace"

    def ready(self):
        from galaxy.core.navigation import Item, add_item
        from marketplace import notifications, palette
        from marketplace.levels import level_of, levels_of
        from marketplace.tending import write_cards_of_publisher
        from registry import levels
        from registry.signals import proof_changed

        notifications.connect()
        palette.connect()
        levels.register(level_of, levels_of)
        proof_changed.connect(write_cards_of_publisher, dispatch_uid="marketplace.cards")
        permission = "core.view_listing"
        seeing = "core.view_installation"
        add_item(Item("Registry", 60, "Quarantine", "retiring:quarantine-list", "shield-alert", seeing))
        add_item(Item("Build", 30, "Publications", "retiring:publication-list", "rocket", "core.write_extension"))
        pages = ("comparison/",)
        add_item(
            Item("Registry", 20, "Marketplace", "marketplace:listing-list", "store", permission, key="m", covers=pages)
        )
        add_item(Item("Build", 10, "Workshop", "workshop:draft-list", "hammer", "core.write_extension", key="w"))
