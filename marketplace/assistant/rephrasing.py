"""Asking a model to say a sentence of the assistant in other words. Off unless an operator names one.

It is asked by a worker, through the egress broker as everything that leaves Galaxy is: https, one host, public
addresses alone, no redirect, bounded in time and size. It is sent the masked sentence (marketplace.assistant.believing)
and nothing else. What it answers changes ``Advice.rephrased`` and nothing beside: not what is recommended, to whom, or
why.
"""

import json
from collections import Counter
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import F

from galaxy.core.egress import Broker, HostRule, Limits, Refused, SystemResolver
from galaxy.core.egress.configured import loopback_peers, pinned_transport
from galaxy.core.models import Workspace
from galaxy.core.sweeps import apart
from marketplace.assistant.believing import LONGEST, believed, masked
from marketplace.assistant.models import Advice
from marketplace.assistant.words import Said

log = structlog.get_logger(__name__)

SECONDS = 8.0  # of one question
MOST_BYTES = 32_768
AT_A_TIME = 20  # sentences of one sweep; the next one takes the rest
FAILURES = 2  # in a row, after which the model is left alone until the next sweep
KEY = "PAA_MODEL_KEY"
SWEEP = "marketplace.rephrase"
ASKED = (
    "Say the sentence in other words, plainly, in English, as one sentence. Keep every mark such as [1] exactly once "
    "and in the same order. Keep every word that carries meaning. Add no fact, number, link, advice or mark. Answer "
    "with the sentence alone."
)


class _Key:
    """The key of the model, for its own host and the header alone."""

    def __init__(self, host: str):
        self._host = host

    def open(self, name: str, *, host: str, purpose: str) -> str:
        return settings.PAA_MODEL_KEY

    def bound_hosts(self, name: str) -> tuple[str, ...]:
        return (self._host,)

    def places(self, name: str) -> tuple[str, ...]:
        return ("header",)


def is_on() -> bool:
    return bool(settings.PAA_MODEL_URL and settings.PAA_MODEL)


def rephrase_all() -> int:
    """Have new sentences said in other words, in every workspace; returns how many were believed. Safe to run twice; a
    sentence is asked about once, until its facts move."""
    if not is_on():
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM marketplace_advised_workspaces()")
        ids = [row[0] for row in cursor.fetchall()]
    found: Counter[str] = Counter()
    for id in ids:
        if found["unreachable"] >= FAILURES or found.total() >= AT_A_TIME:
            break
        with apart(SWEEP, id):
            rephrase(Workspace.objects.get(pk=id), found)
    if found:
        log.info("assistant.rephrased", **{str(name): count for name, count in found.items()})
    return found["believed"]


def rephrase(workspace: Workspace, found: Counter[str] | None = None) -> Counter[str]:
    """Ask about what is open and was not asked about; counts what came of it: believed, or why not, in a word."""
    found = Counter() if found is None else found
    rows = Advice.objects.in_workspace(workspace).open().exclude(asked_digest=F("digest"))
    for row in rows.order_by("-severity", "made_at")[: AT_A_TIME - found.total()]:
        said = Said.from_json(row.sentence)
        text, why = "", "unreachable"
        with suppress(Refused):
            text, why = believed(said, ask(masked(said)[0]))
        found[why or "believed"] += 1
        told = {"rephrased": text, "not_believed": why}
        if why != "unreachable":
            told["asked_digest"] = row.digest
        # Only where its facts did not move meanwhile: the words are of these.
        Advice.objects.in_workspace(workspace).filter(pk=row.pk, digest=row.digest).update(**told)
        if found["unreachable"] >= FAILURES:
            break
    return found


def ask(text: str) -> object:
    """What the model says for ``text``. Raises Refused where it could not be asked, or did not answer as it should."""
    url = f"{settings.PAA_MODEL_URL.rstrip('/')}/chat/completions"
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    rule = HostRule(host, frozenset({"POST"}), parts.path, parts.port or 443)
    broker = Broker(
        (rule,),
        resolver=SystemResolver(),
        transport=pinned_transport(),
        secrets=_Key(host),
        limits=Limits(calls=1, request_bytes=16_384, response_bytes=MOST_BYTES, redirects=0),
        loopback_peers=loopback_peers(),
    )
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if settings.PAA_MODEL_KEY:
        headers["Authorization"] = f"Bearer {broker.placeholder(KEY)}"
    request = {"method": "POST", "url": url, "headers": headers, "body": json.dumps(body_of(text)), "follow": False}
    answer = broker.fetch(request, SECONDS)
    if answer.get("status") != 200 or "body" not in answer:
        raise Refused("unreachable", "The model did not answer as it should.")
    try:
        return json.loads(answer["body"])["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None


def body_of(text: str) -> dict[str, Any]:
    """The body of a request for a chat completion, as OpenAI's API and those like it take it."""
    return {
        "model": settings.PAA_MODEL,
        "messages": [{"role": "system", "content": ASKED}, {"role": "user", "content": text}],
        "temperature": 0,
        "max_completion_tokens": LONGEST,
        "n": 1,
    }
