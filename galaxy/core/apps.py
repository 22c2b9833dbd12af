from django.apps import AppConfig
from django.conf import settings


class CoreConfig(AppConfig):
    name = "galaxy.core"
    label = "core"
    verbose_name = "Core"

    def ready(self):
        from django.contrib.auth.signals import user_logged_in, user_logged_out
        from django.db.models.signals import post_migrate, pre_migrate

        from galaxy.core import (
            account_events,
            accounts,
            palette,
            recovery_codes,
            scope,
            second_factor,
            session_store,
            sessions,
        )
        from galaxy.core.audit.streams.places import place_of_key
        from galaxy.core.db.grants import grant_to_app, keep_record_of_migrations, make_partitions
        from galaxy.core.models import AuditSinkKey, NewsHookKey
        from galaxy.core.navigation import Item, add_item
        from galaxy.core.notifications import core_kinds
        from galaxy.core.notifications.hooks import places as hooks
        from galaxy.core.ops import alive, request_log
        from galaxy.core.ops.readiness import add_check
        from galaxy.core.restoring import home
        from galaxy.core.roles import sync_roles
        from galaxy.core.telemetry import condition
        from galaxy.core.vault.accounts import seal_stored_factors
        from galaxy.core.vault.tables import EnvelopeTable, register

        pre_migrate.connect(grant_to_app, sender=self)
        post_migrate.connect(keep_record_of_migrations, sender=self)
        post_migrate.connect(make_partitions, sender=self)
        post_migrate.connect(sync_roles, sender=self)
        post_migrate.connect(seal_stored_factors, sender=self)
        post_migrate.connect(home.note_home, sender=self)
        user_logged_in.connect(accounts.record_sign_in)
        user_logged_out.connect(accounts.record_sign_out)
        account_events.connect()
        scope.connect_celery()
        request_log.connect()
        alive.connect()
        sessions.connect()
        session_store.connect()
        second_factor.connect()
        recovery_codes.connect()
        core_kinds.connect()
        palette.connect()
        register(EnvelopeTable(AuditSinkKey, place_of_key))
        register(EnvelopeTable(NewsHookKey, hooks.place_of_key))
        add_check(condition.NAME, condition.traces)
        add_check("home", home.condition)
        add_item(Item("", 10, "Overview", "overview", "layout-dashboard", "core.view_listing", key="o"))
        add_item(Item("Workspace", 10, "People", "core:member-list", "users", "core.view_member", key="u"))
        add_item(Item("Workspace", 20, "Agents", "agents:agent-list", "bot", "core.manage_agent", key="b"))
        add_item(Item("Registry", 30, "Secrets", "core:secret-list", "key-round", "core.view_secret", key="s"))
        settings_page = "core:workspace-settings"
        add_item(Item("Workspace", 90, "Settings", settings_page, "settings", "core.change_settings"))
        add_item(Item("Records", 10, "Audit trail", "core:audit-list", "scroll-text", "core.view_auditevent", key="t"))
        add_item(Item("Build", 90, "Patterns", "core:patterns", "shapes", key="p", offered=_builds_pages))


def _builds_pages(request) -> bool:
    """The pattern page is for people who build pages; everybody may open it, but few have a use for it."""
    return request.user.is_authenticated and (settings.DEBUG or request.user.is_staff)
