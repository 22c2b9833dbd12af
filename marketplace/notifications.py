"""News of the marketplace: levels that are about to be lowered, and those that were."""

from galaxy.core.notifications import Kind, add_kind

KINDS = (
    Kind("level_amber", "A level is about to be lowered", "Levels that are not proven", "shield-alert", "warn"),
    Kind("level_lowered", "A level was lowered", "Levels that were lowered", "shield-alert", "bad", by_mail=True),
)


def connect() -> None:
    """Register once, when the app is ready."""
    for kind in KINDS:
        add_kind(kind)
