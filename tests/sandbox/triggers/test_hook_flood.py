"""A flood at a webhook: whatever is sent is accepted, merged, known already or refused, and nothing is lost silently.

HTTP, PostgreSQL, Valkey, and several senders that sign as the official library does; what they send is drawn from a
seed. In the short form the web server and sandboxd are threads of the test. In the long form they are processes:

    GALAXY_FLOOD=10000 .venv/bin/python -m galaxy.embedded run .venv/bin/python -m pytest -s \
        tests/sandbox/triggers/test_hook_flood.py
"""

import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from galaxy.core.scope import workspace_scope
from sandbox.models import Run, TriggerDelivery, TriggerFiring
from sandbox.triggers.counting import counted
from sandbox.triggers.firing import tend
from sandbox.triggers.services import create_trigger, switch_on
from tests.extensions import PROBE, installed
from tests.sandbox.triggers.conftest import WEBHOOK
from tests.sandbox.triggers.sending import ago, another_secret, signed
from tests.sandboxd import Sandboxd
from tests.serving import WebServer

IS_LONG = "GALAXY_FLOOD" in os.environ
SENT = int(os.environ.get("GALAXY_FLOOD", "260"))
SENDERS = 12  # each from an address of its own; the first sends as much as three
ORDERS = 40
BUDGET = min(SENT * 6 // 10, 400)  # a minute
SEED = 8
DEADLINE_S = 60 + SENT // 3
# Of a hundred deliveries so many are an older one once more, well signed but late, badly signed, and no JSON.
AGAIN, LATE, BAD, BROKEN = 8, 3, 3, 2


@dataclass
class Delivery:
    """One request of a sender; ``kind`` is what it is, ``answer`` what came back (status, word). ``old_s`` is how old
    its time is when it is sent: a sender signs whatever it sends, or sends again, as it does so."""

    kind: str
    id: str
    body: str
    key: str
    old_s: int = 0
    answer: tuple[int, str] = field(default=(0, ""))


def planned(secret: str) -> list[list[Delivery]]:
    """What each sender sends, in order; an older one may come from whom it was not sent by, and at the same moment."""
    rng, made = random.Random(SEED), []
    for number in range(SENT):
        draw, id = rng.randrange(100), f"msg_{number}"
        if draw < AGAIN and made:
            older = rng.choice(made[-200:])
            made.append(Delivery(older.kind, older.id, older.body, older.key, older.old_s))
            continue
        # One in ten belongs to nothing, and starts a run of its own.
        order = None if rng.random() < 0.1 else rng.randrange(ORDERS)
        body, kind, key, old_s = json.dumps({"id": id, "order": order}), "good", secret, 0
        if draw < AGAIN + LATE:
            kind, old_s = "late", 900
        elif draw < AGAIN + LATE + BAD:
            kind, key = "unsigned", another_secret()
        elif draw < AGAIN + LATE + BAD + BROKEN:
            kind, body = "unreadable", body[:-1]
        made.append(Delivery(kind, id, body, key, old_s))
    shares: list[list[Delivery]] = [[] for _ in range(SENDERS)]
    for one in made:
        shares[max(0, rng.randrange(-2, SENDERS))].append(one)
    return shares


def send_all(port: int, path: str, share: list[Delivery], source: str) -> None:
    """One sender, over one connection that is kept."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    own = {"Host": "localhost", "Content-Type": "application/json", "X-Forwarded-For": source}
    with closing(link):
        for one in share:
            headers = signed(one.key, one.body, id=one.id, at=ago(one.old_s))
            link.request("POST", path, one.body, own | headers)
            answer = link.getresponse()
            said = json.loads(answer.read())
            one.answer = (answer.status, said.get("status") or said["error"])


def told(name: str, value: object) -> None:
    """The table is what the long form is run for."""
    if IS_LONG:
        print(f"  {name:<52} {value}")  # noqa: T201


@pytest.fixture
def port(request, settings):
    """Where Galaxy answers: in the long form by processes of its own."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1  # the senders' addresses stand in a header
    if not IS_LONG:
        request.getfixturevalue("vault")
        yield request.getfixturevalue("live_server").thread.port
        return
    sandboxd = Sandboxd()
    sandboxd.start("--size", "1")
    settings.GALAXY_KMS, settings.SANDBOXD_SOCKET = "", sandboxd.socket
    more = {"SANDBOXD_SOCKET": str(sandboxd.socket), "GALAXY_KMS": "", "LOG_LEVEL": "ERROR", "BEHIND_PROXY": "1"}
    server = WebServer(**more)
    try:
        server.start()
        yield server.port
    finally:
        server.close()
        sandboxd.close()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_of_a_flood_nothing_is_lost_silently(port, workspace, admin, client_of, capsys):
    with workspace_scope([workspace.pk]):
        installed(workspace, admin, PROBE)
        values = {"debounce_key": "event.body.order", "quiet_ms": 2_000, "longest_ms": 10_000}
        values |= {"per_minute": BUDGET, "sample": {"id": "o-1", "order": 1}}
        trigger, secret = create_trigger(workspace, actor=admin, kind="webhook", values=WEBHOOK | values)
        trigger = switch_on(trigger, actor=admin)
        shares = planned(secret)
        took_s = flood(port, trigger, shares)
        while tend(trigger.pk, now=datetime.now(UTC) + timedelta(minutes=1)):
            pass
        with capsys.disabled():
            judge(trigger, [one for share in shares for one in share], took_s)
        page = client_of(admin).get(reverse("sandbox:trigger-detail", args=[workspace.slug, trigger.pk]))
        assert page.context["page"].counted == counted(trigger, datetime(2020, 1, 1, tzinfo=UTC))


def flood(port: int, trigger, shares: list[list[Delivery]]) -> float:
    """Let all senders send at once, while what is due is started as a worker does; how many seconds it took."""
    path = f"/hooks/{trigger.address}/"
    threads = [
        threading.Thread(target=send_all, args=(port, path, share, f"198.51.100.{number + 1}"), daemon=True)
        for number, share in enumerate(shares)
    ]
    since = time.monotonic()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert time.monotonic() < since + DEADLINE_S, "the flood is not over in time"
        tend(trigger.pk)
        threads[0].join(1)
    return time.monotonic() - since


def judge(trigger, sent: list[Delivery], took_s: float) -> None:
    answers = Counter(one.answer for one in sent)
    words = Counter(one.answer[1] for one in sent)
    figures = counted(trigger, datetime(2020, 1, 1, tzinfo=UTC))
    firings = list(TriggerFiring.objects.filter(trigger=trigger).select_related("run"))
    deliveries = list(TriggerDelivery.objects.filter(trigger=trigger).values_list("event_id", "firing", "was_merged"))
    of_firing = Counter(firing for _, firing, _ in deliveries)
    taken = {one.id for one in sent if one.answer in ((202, "accepted"), (202, "merged"))}
    told("form", f"{SENDERS} senders, seed {SEED}, budget {BUDGET:,} a minute, {took_s:.1f} s")
    told("sent", f"{len(sent):,}")
    told("answered in a second", f"{len(sent) / took_s:.0f}")
    told("accepted: a firing of its own, or the first of one", words["accepted"])
    told("merged into what waited", words["merged"])
    told("repeated: known already", words["repeated"])
    told("refused, over budget (429)", words["over_budget"])
    told("refused, not well signed or late (401)", words["refused"])
    told("refused, no event (422)", words["not_an_event"])
    told("told to come again (503)", words["not_now"])
    told("accepted + merged + repeated + refused", sum(words.values()))
    told("the page counts", ", ".join(f"{name} {number}" for name, number in figures.items() if number))
    told("deliveries stored, each id once", f"{len({id for id, _, _ in deliveries})} of {len(deliveries)}")
    told("runs started", Run.objects.filter(trigger=trigger).count())
    told("events in exactly one run", sum(of_firing.values()))

    # What the senders were told is all there is, and it is what the page counts.
    assert sum(words.values()) == len(sent) == SENT
    assert set(answers) <= {
        (202, "accepted"), (202, "merged"), (202, "repeated"), (401, "refused"), (422, "not_an_event"),
        (429, "over_budget"), (503, "not_now"),
    }  # fmt: skip
    for name in ("accepted", "merged", "repeated", "over_budget"):
        assert figures[name] == words[name]
        assert words[name] > 0
    assert figures["unsigned"] + figures["late"] == words["refused"]
    refused = Counter(one.kind for one in sent if one.answer[0] == 401)
    assert (figures["unsigned"], figures["late"]) == (refused["unsigned"], refused["late"])
    assert figures["unreadable"] == words["not_an_event"]
    assert sum(figures.values()) + words["not_now"] == SENT
    # Nothing but what is good was taken, and all of it that was answered 202, each id once.
    assert {one.kind for one in sent if one.answer[0] == 202} == {"good"}
    assert sorted(id for id, _, _ in deliveries) == sorted(taken)
    assert len(deliveries) == words["accepted"] + words["merged"]
    assert sum(was_merged for _, _, was_merged in deliveries) == words["merged"]
    # Each is in exactly one run.
    assert {firing.state for firing in firings} == {"started"}
    assert {firing.pk: firing.merged for firing in firings} == dict(of_firing)
    assert len({firing.run_id for firing in firings}) == len(firings) == words["accepted"]
    assert Run.objects.filter(trigger=trigger).count() == len(firings)
    first_or_last = {id: firing for id, firing, _ in deliveries}
    assert all(first_or_last[firing.run.inputs["key"]] == firing.pk for firing in firings)
