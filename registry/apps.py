from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "Registry"

    def ready(self):
        from galaxy.core.grantables import Grantable, add_grantable
        from galaxy.core.navigation import Item, add_item
        from registry.access import GRANTABLE_ACTS

        permission = "core.view_installation"
        add_item(Item("Registry", 10, "Installed", "registry:installation-list", "blocks", permission, key="i"))
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
