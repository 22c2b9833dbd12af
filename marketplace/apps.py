from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    verbose_name = "Marketplace"

    def ready(self):
        from galaxy.core.navigation import Item, add_item
        from marketplace import notifications, palette
        from marketplace.assistant import connecting as assistant
        from marketplace.bundles.released import is_imported
        from marketplace.evidence.models import Lowering
        from marketplace.levels import level_of, levels_of, listed_level
        from marketplace.services import offer_newest
        from marketplace.submissions import counting, news
        from marketplace.submissions.released import is_approved
        from marketplace.tending import write_cards_of_publisher
        from registry import levels, signing
        from registry.signals import installable_changed, proof_changed

        notifications.connect()
        assistant.connect()
        palette.connect()
        news.connect()
        signing.register_release_reader(is_approved)
        signing.register_release_reader(is_imported)
        levels.register(level_of, levels_of, listed_level)
        proof_changed.connect(write_cards_of_publisher, dispatch_uid="marketplace.cards")
        installable_changed.connect(offer_newest, dispatch_uid="marketplace.listing")
        permission = "core.view_listing"
        seeing = "core.view_installation"
        add_item(Item("Registry", 60, "Quarantine", "retiring:quarantine-list", "shield-alert", seeing))
        add_item(Item("Build", 30, "Publications", "retiring:publication-list", "rocket", "core.write_extension"))
        pages = ("comparison/",)
        add_item(
            Item("Registry", 20, "Marketplace", "marketplace:listing-list", "store", permission, key="m", covers=pages)
        )
        add_item(Item("Build", 10, "Workshop", "workshop:draft-list", "hammer", "core.write_extension", key="w"))
        pages = ("bundle-sources/",)
        add_item(
            Item(
                "Registry", 70, "Bundles", "bundles:bundle-list", "package-open", "core.install_extension", covers=pages
            )
        )
        write, review = "core.write_extension", "core.review_submission"
        own = Item("Build", 20, "Submissions", "submissions:submission-list", "send", write, counted=counting.open_here)
        due = Item(
            "Build",
            40,
            "Reviews",
            "submissions:review-list",
            "clipboard-check",
            review,
            counted=counting.due_here,
            due=True,
        )
        add_item(own)
        add_item(due)
        add_item(
            Item(
                "Build",
                50,
                "Appeals",
                "marketplace:appeal-list",
                "scale",
                review,
                offered=lambda request: request.workspace.is_marketplace,
                counted=lambda request: Lowering.objects.filter(appeal=Lowering.Answer.OPEN),
            )
        )
