"""Which page is made by what."""

from collections.abc import Callable
from functools import partial

from tests.docs import commands, errors, events, manifest, routes
from tests.docs.pictures import drawn
from tests.docs.tables import ROOT

__all__ = ["PAGES", "ROOT"]

PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/api.md": routes.page,
    "docs/reference/commands.md": commands.page,
    "docs/reference/errors.md": errors.page,
    "docs/reference/events.md": events.page,
    "docs/reference/manifest.md": manifest.page,
}


def _with_pictures(name: str) -> str:
    return drawn((ROOT / name).read_text(encoding="utf-8"))


PAGES |= {
    name: partial(_with_pictures, name)
    for name in ("docs/how/audit-proof.md", "docs/how/gate.md", "docs/how/sandbox.md")
}
