from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "sandbox"
    verbose_name = "Sandbox"

    def ready(self):
        from galaxy.core.navigation import Item, add_item
        from sandbox import notifications, palette, receivers

        receivers.connect()
        notifications.connect()
        palette.connect()
        add_item(Item("", 30, "Runs", "sandbox:run-list", "activity", "core.view_listing", key="r"))
