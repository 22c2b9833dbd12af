import pytest

from sandbox.models import Trigger
from sandbox.triggers.services import create_trigger, switch_on
from sandbox.valkey import client
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
@staged
def pack(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY, PACK)[-1]


@pytest.fixture(autouse=True)
def fresh_counts():
    """Every test sends from the same address."""
    for key in client().scan_iter("galaxy:hook*"):
        client().delete(key)


WEBHOOK = {
    "name": "New things",
    "slug": "new-things",
    "purpose": "A thing for each order.",
    "target": "probe.create",
    "inputs": {"key": "event.body.id"},
    "scopes": ["things.write"],
    "simulates": False,
    "sample": {"id": "o-1"},
    "signature": "standard_webhooks",
    "header": "",
    "per_minute": 600,
    "debounce_key": "",
    "quiet_ms": 0,
    "longest_ms": 0,
    "uses": "last",
    "every_s": None,
    "poll_target": "",
}
SCHEDULE = {
    "name": "Every morning",
    "slug": "every-morning",
    "target": "probe.look_up",
    "inputs": {"key": "'all'"},
    "scopes": ["things.read"],
    "cron": "0 8 * * *",
    "zone": "Europe/Berlin",
}


@pytest.fixture
def webhook(vault, workspace, probe, admin):
    """``webhook(**values)``: a webhook that is on, and its secret."""

    def make(*, is_on: bool = True, actor=admin, secret: str = "", **values) -> tuple[Trigger, str]:
        trigger, key = create_trigger(workspace, actor=actor, kind="webhook", values=WEBHOOK | values, secret=secret)
        return (switch_on(trigger, actor=actor) if is_on else trigger), key

    return make


@pytest.fixture
def schedule(workspace, probe, admin):
    """``schedule(**values)``: a schedule that is on."""

    def make(*, is_on: bool = True, actor=admin, **values) -> Trigger:
        trigger, _ = create_trigger(workspace, actor=actor, kind="schedule", values=SCHEDULE | values)
        return switch_on(trigger, actor=actor) if is_on else trigger

    return make
