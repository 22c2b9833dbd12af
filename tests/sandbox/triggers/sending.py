"""A sender of webhooks: the official Standard Webhooks library, against Galaxy's own address."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.test import Client
from standardwebhooks import Webhook

from sandbox.models import Trigger


def signed(secret: str, body: str, *, id: str = "", at: datetime | None = None, and_by: str = "") -> dict[str, str]:
    """The headers of Standard Webhooks over ``body``; ``and_by`` is a second key that signs too."""
    id, at = id or f"msg_{uuid4().hex}", at or datetime.now(UTC)
    signatures = [Webhook(key).sign(id, at, body) for key in (secret, and_by) if key]
    moment = str(int(at.timestamp()))
    return {"webhook-id": id, "webhook-timestamp": moment, "webhook-signature": " ".join(signatures)}


def hmac_of(secret: str, body: str) -> str:
    """As GitHub sends it."""
    return "sha256=" + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()


def another_secret() -> str:
    return "whsec_" + base64.b64encode(uuid4().bytes * 2).decode()


def post(address: str, body: str, headers: dict[str, str] | None = None, content_type: str = "application/json"):
    return Client(headers=headers or {}).post(f"/hooks/{address}/", body, content_type=content_type)


def send(trigger: Trigger, secret: str, body: dict, **options):
    """One delivery, as the official library signs it."""
    text = json.dumps(body)
    return post(trigger.address, text, signed(secret, text, **options))


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)
