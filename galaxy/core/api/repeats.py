"""Repeating safely: the same ``Idempotency-Key`` with the same request is answered again, not done again.

The answer is written in the transaction of the act, so there is never one without the other; a refusal keeps nothing,
and the key may then be used for the corrected request. Of two at the same moment the second waits for the first.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from galaxy.core import jcs
from galaxy.core.errors import DomainError, Invalid
from galaxy.core.models import KeptAnswer, Workspace
from galaxy.core.scope import workspace_scope

KEPT_FOR = timedelta(hours=24)
HEADER = "Idempotency-Key"


class KeyUsed(DomainError):
    status = 409
    code = "idempotency_key_reused"
    next_step = "Send another request under another key."


def once(request, workspace: Workspace, principal: str, act: Callable[[], Response]) -> Response:
    """The answer of ``act``, or the one it gave before under this key. Without a key it is simply done.

    Raises KeyUsed where the key stands for another request, and Invalid for a key that is none.
    """
    key = request.headers.get(HEADER)
    if key is None:
        with transaction.atomic():
            return act()
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Invalid("The key cannot be used.", {HEADER: "Send 1 to 255 printable ASCII characters."})
    mine = KeptAnswer.objects.in_workspace(workspace).filter(principal=principal)
    digest = _digest(request)
    with transaction.atomic():
        mine.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
        try:
            with transaction.atomic():  # waits here for another one with the same key
                kept = KeptAnswer.objects.create(
                    workspace=workspace, principal=principal, key=key, request_digest=digest
                )
        except IntegrityError:
            kept = mine.get(key=key)
            if kept.request_digest != digest:
                raise KeyUsed("This idempotency key was used before, for something else.") from None
            return Response(kept.body, status=kept.status, headers={"Idempotency-Replayed": "true"})
        response = act()
        kept.status = response.status_code
        kept.body = json.loads(json.dumps(response.data, cls=JSONEncoder))
        kept.save(update_fields=["status", "body"])
        return response


def delete_old_answers() -> int:
    """Delete what was kept longer than ``KEPT_FOR``, in every workspace within its own scope; returns how many.

    ``once`` clears away what its own caller left; this is for those who never come back.
    """
    before = timezone.now() - KEPT_FOR
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM core_workspaces_with_old_answers(%s)", [before])
        ids = [row[0] for row in cursor.fetchall()]
    deleted = 0
    for id in ids:
        with workspace_scope([id]):
            count, _ = KeptAnswer.objects.filter(workspace=id, created_at__lt=before).delete()
            deleted += count
    return deleted


def _digest(request) -> str:
    try:
        parts = jcs.dumps([request.method, request.path, request.data])
    except (ValueError, TypeError):
        raise Invalid("The body holds a number that a double cannot hold.", {"": "Send it as text."}) from None
    return hashlib.sha256(parts).hexdigest()
