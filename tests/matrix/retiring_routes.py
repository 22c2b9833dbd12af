"""Addresses and correct bodies of the routes about how versions end: of "probe", which somebody else publishes."""

from uuid import UUID


def place(route: str, things: dict) -> dict:
    release = {"slug": "probe", "number": "1.0.0"}
    return {
        "retiring:publication-detail": {"slug": "probe"},
        "telemetry:telemetry-detail": {"slug": "probe"},
        "retiring:deprecation": release,
        "retiring:deprecation-end": release,
        "retiring:yanking": release,
        "retiring:signature": release,
        "retiring:statement": release,
        "api:version-signatures": release,
        "api:evidence": release,
        "retiring:quarantine-create": release,
        "retiring:quarantine-end": {"pk": UUID(int=1)},
        "api:publication-detail": {"slug": "probe"},
        "api:publication-telemetry": {"slug": "probe"},
        "api:release-deprecation": release,
        "api:release-deprecation-end": release,
        "api:release-yanking": release,
    }.get(route, {})


def body(route: str, things: dict) -> dict:
    return {
        "retiring:deprecation": {"ends_on": "2099-01-01", "reason": "Its API ends."},
        "retiring:deprecation-end": {"reason": "It stays."},
        "retiring:yanking": {"reason": "It is broken."},
        "api:release-deprecation": {"ends_on": "2099-01-01", "reason": "Its API ends."},
        "api:release-deprecation-end": {"reason": "It stays."},
        "api:release-yanking": {"reason": "It is broken."},
        "retiring:signature": {"signature": "A" * 86 + "=="},
        "api:version-signatures": {"signature": "A" * 86 + "=="},
        "retiring:quarantine-calls": {"on_flagged": "stop"},
        "retiring:quarantine-create": {"reach": "calls", "reason": "It sends too much."},
        "retiring:quarantine-end": {"reason": "A false alarm."},
    }.get(route, {})
