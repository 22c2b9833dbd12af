"""Trying a staged secret out: one GET that carries it, to a host it is bound to, through the egress broker."""

from typing import Any

from galaxy.core.egress import Broker, HostRule
from galaxy.core.egress.refusals import Refused
from galaxy.core.egress.urls import parse
from galaxy.core.vault.services.testing import TRIAL, Finding
from galaxy.core.vault.source import LeasedSecrets
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.orders import BadOrder

SECONDS = 10.0
NAME = "value"
_WORDS = {401: "it does not take the value", 403: "it takes the value and forbids this address"}


def ask_for_trial(lease: str, address: str) -> Finding:
    """The tester that the vault calls in web processes; sandboxd does the work."""
    answer = ask("secret.test", {"lease": lease, "address": address}, seconds=SECONDS + 2)
    return Finding(answer["passed"], answer["sentence"])


def try_out(body: dict[str, Any], ways: Ways) -> dict[str, Any]:
    """{passed, sentence} of one GET to ``address`` with the leased value as bearer token."""
    lease, address = body.get("lease"), body.get("address")
    if not isinstance(lease, str) or not isinstance(address, str):
        raise BadOrder("A trial has a lease and an address.")
    try:
        host = parse(address).host
    except Refused as refused:
        return {"passed": False, "sentence": f"The address cannot be used: {refused}"}
    broker = Broker(
        [HostRule(host, frozenset({"GET"}))],
        resolver=ways.resolver,
        transport=ways.transport,
        secrets=LeasedSecrets({NAME: lease}, run_id=TRIAL),
        loopback_peers=ways.peers,
    )
    headers = {"Authorization": f"Bearer {broker.placeholder(NAME)}"}
    answer = broker.fetch({"method": "GET", "url": address, "headers": headers}, SECONDS)
    if "error" in answer:
        return {"passed": False, "sentence": answer["message"]}
    status = answer["status"]
    word = _WORDS.get(status, "it takes the value" if status < 400 else "it could not answer")
    return {"passed": status < 400, "sentence": f"{host} answered {status}: {word}."}
