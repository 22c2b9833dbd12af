"""Addresses and correct bodies of the routes of connections: the shared one of what is installed, not connected."""

OF_INSTALLATION = ("sandbox:connection-list", "sandbox:connection-own", "sandbox:connection-return")


def place(route: str, things: dict) -> dict:
    if route in (*OF_INSTALLATION, "sandbox:app-registration"):
        return {"pk": things["installation"].pk}
    if route.startswith("sandbox:connection-"):
        return {"pk": things["installation"].connections.get(owner=None).pk}
    return {}


def body(route: str, things: dict) -> dict:
    return {
        "sandbox:connection-connect": {"token": "a-token-of-mine-1234"},
        "sandbox:app-registration": {"client_id": "client", "client_secret": "a-secret-of-mine-1234"},
    }.get(route, {})
