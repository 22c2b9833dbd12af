"""Addresses of the routes of figures and outcomes."""


def place(route: str, things: dict) -> dict:
    if route == "sandbox:target-detail":
        return {"pk": things["installation"].pk, "target": "probe.create"}
    return {}
