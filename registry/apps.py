from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "Registry"

    def ready(self):
        from galaxy.core.navigation import Item, add_item
        from registry.models import Installation

        add_item(
            Item(
                section="Registry",
                order=10,
                label="Installed",
                url_name="registry:installation-list",
                icon="blocks",
                permission="core.view_installation",
                key="i",
                count=lambda request: (
                    Installation.objects.in_workspace(request.workspace).active().visible_to(request.user).count()
                ),
            )
        )
