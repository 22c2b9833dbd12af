from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    verbose_name = "Marketplace"

    def ready(self):
        from galaxy.core.navigation import Item, add_item
        from marketplace import palette
        from marketplace.levels import level_of, levels_of
        from registry import levels

        palette.connect()
        levels.register(level_of, levels_of)
        permission = "core.view_listing"
        add_item(Item("Registry", 20, "Marketplace", "marketplace:listing-list", "store", permission, key="m"))
        add_item(Item("Build", 10, "Workshop", "workshop:draft-list", "hammer", "core.write_extension", key="w"))
