"""Addresses and correct bodies of the routes of golden flows: a pack that was played once, and not as accepted."""

from django.utils import timezone

from sandbox.models import GoldenFlow, GoldenNight


def golden(workspace, pack) -> dict:
    now = timezone.now()
    flow = GoldenFlow.objects.create(
        workspace=workspace, installation=pack, recording={"cases": [], "pinned": []}, accepted_at=now
    )
    finding = {"kind": "fails", "case": "sample", "step": "", "text": "It fails.", "fields": []}
    side = {"versions": {"going": "1.0.0"}, "played": [], "findings": [finding]}
    content = {"walls": [], "cases": [], "sides": {"pinned": side, "newest": side}}
    night = GoldenNight.objects.create(
        workspace=workspace, flow=flow, night=now.date(), state="done", finished_at=now, content=content, pinned=1
    )
    return {"golden": pack, "golden_night": night}


def place(route: str, things: dict) -> dict:
    if route in ("sandbox:use-history", "sandbox:golden-flow", "sandbox:golden-play", "sandbox:golden-marking"):
        return {"pk": things["golden"].pk}
    if route in ("sandbox:golden-night", "sandbox:golden-acceptance"):
        return {"pk": things["golden_night"].pk}
    return {}


def body(route: str, things: dict) -> dict:
    return {
        "sandbox:golden-marking": {"mark": "on"},
        "sandbox:golden-acceptance": {"side": "pinned", "reason": "It is right like this."},
    }.get(route, {})
