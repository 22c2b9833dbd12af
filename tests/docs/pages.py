"""Which page is made by what."""

from collections.abc import Callable

# M
from tests.docs import commands, errors, events, routes
from tests.docs.tables import ROOT

__all__ = ["PAGES", "ROOT"]

PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/api.md": routes.page,
    "docs/reference/commands.md": commands.page,
    "docs/reference/errors.md": errors.page,
    "docs/reference/events.md": events.page,
    # N
}
