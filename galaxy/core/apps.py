from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "galaxy.core"
    label = "core"
    verbose_name = "Core"

    def ready(self):
        from django.contrib.auth.signals import user_logged_in, user_logged_out
        from django.db.models.signals import pre_migrate

        from galaxy.core import accounts, scope
        from galaxy.core.db.grants import grant_to_app

        pre_migrate.connect(grant_to_app, sender=self)
        user_logged_in.connect(accounts.record_sign_in)
        user_logged_out.connect(accounts.record_sign_out)
        scope.connect_celery()
