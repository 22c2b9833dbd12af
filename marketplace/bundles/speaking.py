"""Who continues the extensions that came with Galaxy where nothing comes in but bundles.

Signatures say what a marketplace let out, not that it may come after somebody here. Whoever runs Galaxy, or reviews at
the desk, may let one trusted marketplace speak for the shipped catalogue, and takes that back. It speaks for those
extensions alone, and with the versions alone that it signed as of its own public catalogue: what a workspace of it
publishes for itself is signed by it too, and says no catalogue (registry.signing.statements).
"""

from django.db import transaction
from django.utils import timezone

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User
from marketplace.bundles.layout import Bundle, Packed
from marketplace.bundles.models import BundleSource
from marketplace.bundles.sources import MOST_REASON, record, require_desk
from marketplace.bundles.trusting import believed_keys, vouching
from registry.models import Extension
from registry.signing.statements import Statement


class NotSo(Conflict):
    code = "speaks_otherwise"
    next_step = "Reload the page to see for whom it speaks."


@transaction.atomic
def let_speak(source: BundleSource, *, reason: str, actor: User | None) -> None:
    """Let what ``source`` signed as of its own catalogue continue the shipped extensions. ``actor`` is None for an
    operator's command. Raises NotGranted, Invalid or NotSo."""
    said = _checked(reason, actor)
    rows = BundleSource.objects.trusted().filter(pk=source.pk, speaks_since=None)
    if not rows.update(speaks_since=timezone.now(), speaks_by=actor, speaks_reason=said):
        raise NotSo(f"{source} speaks for the shipped catalogue already, or is not trusted any more.")
    record("bundle_source.speaks_for_shipped", source, actor, said)


@transaction.atomic
def hush(source: BundleSource, *, reason: str, actor: User | None) -> None:
    """Let it do so no more: what came stays, and nothing further does. Raises what let_speak does."""
    said = _checked(reason, actor)
    rows = BundleSource.objects.trusted().filter(pk=source.pk, speaks_since__isnull=False)
    if not rows.update(speaks_since=None, speaks_by=None, speaks_reason=""):
        raise NotSo(f"{source} does not speak for the shipped catalogue.")
    record("bundle_source.speaks_no_more", source, actor, said)


def why_not_for_shipped(mine: Extension, packed: Packed, bundle: Bundle, source: BundleSource) -> str:
    """Why ``packed`` does not continue ``mine``, which came with Galaxy, in a sentence; "" where it does."""
    if mine.owner and mine.owner.workspace_id:
        return f"{mine.name} is published by {mine.owner} here, who submits their own work."
    if not source.speaks_for_shipped:
        return f"{mine.name} came with Galaxy, and {source} does not speak for the shipped catalogue here."
    believed = believed_keys(bundle, {source.key_id})
    signed = vouching(packed, believed)
    of = Statement.read(signed.statement).catalogue if signed else ""
    if not of:
        return f"{packed} is not signed as of the catalogue of {source}, so it does not continue what came with Galaxy."
    if of not in believed:
        whose = f"{packed} is signed as of the catalogue of {of}"
        return f"{whose}, and only that of {source} continues what came with Galaxy."
    return ""


def _checked(reason: str, actor: User | None) -> str:
    if actor:
        require_desk(actor)
    if not 0 < len(reason := reason.strip()) <= MOST_REASON:
        raise Invalid("Say why.", {"reason": f"Say in at most {MOST_REASON} characters why."})
    return reason
