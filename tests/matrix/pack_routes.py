"""Addresses of what is done with the run of a pack, or with what a run did."""

ROUTES = ("run-retry", "run-undoing", "run-step")


def place(route: str, things: dict) -> dict:
    return {"pk": things["run"].pk} if route.partition(":")[2] in ROUTES else {}
