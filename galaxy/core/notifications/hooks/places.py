"""Where a webhook is: its address read strictly, and the place that its keys are sealed for."""

from galaxy.core.audit.streams.places import NotAnAddress, Place, read_address
from galaxy.core.models import AuditSink, NewsHook, NewsHookKey
from galaxy.core.vault import envelope

_NAME = "news hook"  # one that no secret of the vault can have

__all__ = ["NotAnAddress", "host_of", "key_place", "place_of", "place_of_key"]


def place_of(address: str) -> Place:
    """Raises NotAnAddress for what is no https address."""
    return read_address(AuditSink.Kind.WEBHOOK, address)


def host_of(address: str) -> str:
    """What is told of an address: the rest of it may be a secret of its receiver's."""
    return place_of(address).host


def key_place(hook: NewsHook, number: int, host: str) -> envelope.Place:
    return envelope.Place(hook.workspace_id, hook.pk, _NAME, number, (host,), ("header",))


def place_of_key(row: NewsHookKey) -> envelope.Place:
    """Where a key stands now; what it was sealed for must be the same."""
    return envelope.Place(row.workspace_id, row.hook_id, _NAME, row.number, (row.host,), ("header",))
