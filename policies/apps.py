from django.apps import AppConfig


class PoliciesConfig(AppConfig):
    name = "policies"
    verbose_name = "Policies"

    def ready(self):
        from galaxy.core.audit.streams.links import add_link
        from galaxy.core.navigation import Item, add_item
        from policies import news, notifications, palette, receivers
        from policies.models import Approval
        from policies.scope_use import tell
        from policies.services.reviewers import asked_of
        from policies.services.standing import standing_of
        from registry.asks import register_teller

        add_link("approval", "policies:approval-detail")
        add_link("rule", "policies:rule-detail")
        add_link("change", "policies:change-detail")
        register_teller(tell)
        receivers.connect()
        notifications.connect()
        news.connect()
        palette.connect()
        add_item(
            Item(
                section="",
                order=20,
                label="Approvals",
                url_name="policies:approval-list",
                icon="inbox",
                permission="core.view_installation",
                key="a",
                counted=lambda request: asked_of(request.user, request.workspace),
                any_of=lambda request: Approval.objects.in_workspace(request.workspace).waiting(),
                rests_on=lambda request: standing_of(request.user, request.workspace),
                due=True,
                count_id="due-count",
            )
        )
        add_item(Item("Registry", 40, "Policies", "policies:rule-list", "scale", "core.view_rule", key="y"))
