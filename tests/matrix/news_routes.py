"""Addresses and correct bodies of the routes about how news reaches a person: all of it is the member's own."""

from galaxy.core.models import Mute, NewsHook
from galaxy.core.notifications.unsubscribing import path_for


def ways(workspace, member, approval) -> dict:
    hook = NewsHook.objects.create(workspace=workspace, person=member, address="https://hooks.example.com/in")
    target = {"target_kind": "policies.approval", "target_id": approval.pk}
    return {
        "hook": hook,
        "mute": Mute.objects.create(workspace=workspace, person=member, **target),
        "left_by": path_for(member, workspace, "run_failed").strip("/").rpartition("/")[2],
    }


def place(route: str, things: dict) -> dict:
    return {
        "core:notification-muting": {"pk": things["news"].pk},
        "core:mute-ending": {"pk": things["mute"].pk},
        "core:unsubscription": {"token": things["left_by"]},
    }.get(route, {})


def body(route: str, things: dict) -> dict:
    return {
        "core:news-settings": {"mail_run_failed": "digest", "digest": "on"},
        "core:news-hook": {"address": "https://hooks.example.com/another"},
        "core:news-hook-state": {"state": "off"},
    }.get(route, {})
