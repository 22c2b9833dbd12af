"""Handing a piece of news to a person's own webhook."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from galaxy.core.egress.refusals import Refused
from galaxy.core.models import NewsHook, NewsHookKey
from galaxy.core.notifications.hooks.messages import Message, body_of
from galaxy.core.notifications.hooks.places import NotAnAddress, place_of, place_of_key
from galaxy.core.scope import workspace_scope
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.orders import BadOrder, only, parsed, typed
from sandbox.sandboxd.under_way import briefly
from sandbox.sandboxd.webhooks import SECONDS, answer, keys_in_force, post, way_to

MOST_BYTES = 16 * 1024


def ask_to_send(message: Message) -> dict[str, Any]:
    """What the worker calls: {accepted, code, sentence}. Raises what ``client.ask`` does."""
    names = ("workspace", "hook", "id", "content")
    return ask("news.send", {name: getattr(message, name) for name in names}, seconds=SECONDS + 2)


def send(body: dict[str, Any], ways: Ways) -> dict[str, Any]:
    """{accepted, code, sentence} of one message. Where it goes and by which keys is read from the hook's own row.

    Public addresses alone: the hosts of one's own network that operators name are for audit streams.
    """
    only(body, {"workspace", "hook", "id", "content"})
    workspace, hook_id = parsed(body, "workspace", UUID), parsed(body, "hook", UUID)
    id, content = typed(body, "id", str), body_of(typed(body, "content", dict))
    if len(content) > MOST_BYTES or not 0 < len(id) <= 100:
        raise BadOrder("A message is larger than any news.")
    with workspace_scope([workspace]), briefly():
        hook = NewsHook.objects.filter(workspace=workspace, pk=hook_id, off_at=None).first()
        if hook is None:
            raise BadOrder("There is no such webhook, or it is switched off.")
        keys = keys_in_force(NewsHookKey.objects.filter(workspace=workspace, hook=hook), place_of_key)
    try:
        place = place_of(hook.address)
        return post(id, content, place, way_to(place, ways), keys, timezone.now())
    except NotAnAddress as error:
        return answer(False, "bad_address", str(error))
    except Refused as refused:
        return answer(False, refused.code, str(refused))
