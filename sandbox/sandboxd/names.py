"""Looking up the TXT record that proves a publisher's domain: web and workers ask, sandboxd goes out."""

from typing import Any

from galaxy.core.egress.txt import SECONDS, txt_records
from registry.publishers.domains import is_record_name
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.orders import BadOrder, only, typed


def ask_for_records(name: str) -> list[str]:
    """The texts under ``name``. Raises Unreachable, Lost or Refused."""
    return ask("publisher.records", {"name": name}, seconds=SECONDS + 2)["records"]


def _records(body: dict[str, Any]) -> dict[str, Any]:
    """Raises BadOrder for any other name than that of a publisher's record, or LookupFailed."""
    only(body, {"name"})
    name = typed(body, "name", str)
    if not is_record_name(name):
        raise BadOrder("That is not the name of a publisher's record.")
    return {"records": txt_records(name)}


OPERATIONS = {"publisher.records": _records}
