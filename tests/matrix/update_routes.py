"""Addresses and correct bodies of the routes of updates: two connectors of which there is a newer version, and a pack
that calls one of them."""

from datetime import timedelta

from django.utils import timezone

from registry.models import Installation
from registry.services import install
from registry.updates.pack_pins import pin_for_pack
from registry.updates.rollouts import Course, start_rollout, stop_rollout
from registry.updates.rules import hold
from registry.updates.scheduling import schedule_move
from tests.registry.samples import connector, pack, publish

WHY = "Trying it out"
HOURS = {"days": ["monday"], "opens_at": "06:00", "closes_at": "08:00", "time_zone": "Europe/Berlin"}


def updates(workspace, admin) -> dict:
    def put(manifest) -> Installation:
        version = publish(manifest)
        return install(workspace, version.extension, version=version, actor=admin)

    going, staying = put(connector("going")), put(connector("staying"))
    caller = put(pack("going.keep", needs="going"))
    fix = publish(connector("going", "1.0.1"), security_fix="Reads nothing foreign any more.")
    other = publish(connector("staying", "1.0.1"))
    pin = pin_for_pack(going, pack=caller, version=going.pin.version, actor=admin, reason=WHY)
    rollout = start_rollout(staying, version=other, actor=admin, course=Course())
    stop_rollout(rollout, by=admin, why=WHY)
    schedule_move(staying, version=other, at=timezone.now() + timedelta(days=1), actor=admin)
    hold(staying, actor=admin, reason=WHY)
    return {
        "going": going,
        "staying": staying,
        "caller": caller,
        "fix": fix,
        "pin": pin,
        "rollout": rollout,
    }


def place(route: str, things: dict) -> dict:
    going, staying = {"pk": things["going"].pk}, {"pk": things["staying"].pk}
    pin = going | {"pin": things["pin"].pk}
    return {
        "registry:update-settings": going,
        "registry:hold-create": going,
        "registry:hold-removal": staying,
        "registry:wait-skip": going,
        "registry:move-schedule": going,
        "registry:move-removal": staying,
        "registry:pack-pin-list": going,
        "registry:pack-pin-removal": pin,
        "registry:roll-out-create": going,
        "registry:roll-out-detail": {"pk": things["rollout"].pk},
        "registry:roll-out-decision": {"pk": things["rollout"].pk},
        "api:installation-updates": going,
        "api:installation-hold": going,
        "api:installation-hold-removal": staying,
        "api:installation-wait": going,
        "api:planned-move": going,
        "api:planned-move-removal": staying,
        "api:pack-pin": going,
        "api:pack-pin-removal": pin,
        "api:roll-out-detail": {"pk": things["rollout"].pk},
        "api:roll-out-decision": {"pk": things["rollout"].pk},
    }.get(route, {})


def query(route: str, things: dict) -> str:
    """What a GET of a page about one version names."""
    about = {"registry:wait-skip", "registry:move-schedule", "registry:roll-out-create"}
    return f"?to={things['fix'].digest}" if route in about else ""


def body(route: str, things: dict) -> dict:
    to, soon = {"to": things["fix"].digest}, timezone.now() + timedelta(hours=5)
    window = {"days": ["0"], "opens_at": "06:00", "closes_at": "08:00", "time_zone": "Europe/Berlin"}
    waits = dict.fromkeys(("wait_community", "wait_verified", "wait_enterprise", "wait_own"), "7")
    course = {"way": "percent", "stages": "5 % for 24 h", "hours": "24", "least_calls": "20", "tolerance": "2"}
    digest = {"digest": things["fix"].digest}
    return {
        "registry:update-rules": window | waits | {"policy": "patch"},
        "registry:update-settings": window | {"policy": "minor", "own_window": "own", "waiting_days": "2"},
        "registry:hold-create": {"reason": WHY},
        "registry:wait-skip": to | {"reason": WHY},
        "registry:move-schedule": to | {"at": f"{soon:%Y-%m-%dT%H:%M}", "zone": "UTC"},
        "registry:pack-pin-list": {"pack": str(things["caller"].pk), "version": to["to"], "reason": WHY},
        "registry:roll-out-create": to | course,
        "registry:roll-out-decision": {"act": "resume"},
        "api:update-rules": {"policy": "patch", "window": HOURS, "wait_verified": 5},
        "api:installation-updates": {"policy": "minor", "waiting_days": 2, "window": None},
        "api:installation-hold": {"reason": WHY},
        "api:installation-wait": digest | {"reason": WHY},
        "api:planned-move": digest | {"at": soon.isoformat()},
        "api:pack-pin": digest | {"pack": str(things["caller"].pk), "reason": WHY},
        "api:roll-out-list": digest | {"installation": str(things["going"].pk)},
        "api:roll-out-decision": {"act": "return", "reason": WHY},
    }.get(route, {})
