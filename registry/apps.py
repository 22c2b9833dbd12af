from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "Registry"

    def ready(self):
        from galaxy.core.navigation import Item, add_item

        permission = "core.view_installation"
        add_item(Item("Registry", 10, "Installed", "registry:installation-list", "blocks", permission, key="i"))
