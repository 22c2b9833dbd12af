"""What Django loads first of all apps: the shell itself."""

from importlib import import_module

from django.apps import AppConfig


class ShellConfig(AppConfig):
    name = "galaxy"

    def ready(self) -> None:
        import_module("galaxy.celery")  # the app that every shared_task belongs to
