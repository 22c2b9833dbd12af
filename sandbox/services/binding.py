"""What an approval of a call is bound to, and what makes two requests alike. Hashes and ids, never values."""

import hashlib
from collections.abc import Iterable
from typing import Any

from galaxy.core import jcs
from policies.engine import Snapshot
from registry.services import secret_generations
from sandbox.services.calls import Call


def input_digest(inputs: dict[str, Any]) -> str:
    """Hex SHA-256 of the RFC 8785 form of the inputs."""
    return _sha256(inputs)


def bound_of(
    call: Call, snapshot: Snapshot, effect: str, reasons: Iterable[tuple[str, int]], *, version: str = ""
) -> dict[str, Any]:
    """The parts that name exactly what an approval is given for; one that changes makes it worth nothing.

    Inputs, target, mode, who asks, the version that would run, the connection with its generation (which counts
    reconnects and rotations of its secret, not token refreshes), and what the policy said: its effect, and the rules
    that matched, by what they say. ``reasons`` are (code, number of the rule or 0); ``version`` is the digest of the
    version that would run now where that is not the call's own. Other rules may come and go.
    """
    connection = call.connection
    said = {rule.number: rule.digest for rule in snapshot.rules} if any(number for _, number in reasons) else {}
    parts: dict[str, Any] = {
        "workspace": str(call.workspace.pk),
        "requester": str(call.user.pk),
        "target": call.resolved.target,
        "inputs": input_digest(call.inputs),
        "mode": call.mode,
        "scenario": call.scenario,
        "version": version or call.resolved.version.digest,
        "effect": str(effect),
        "rules": sorted([code, number, said.get(number, "")] for code, number in reasons),
        "connection": [str(connection.pk), connection.generation, connection.host] if connection else None,
    }
    if call.agent:
        parts["agent"] = str(call.agent.pk)
    if call.trigger:
        parts["trigger"] = str(call.trigger.pk)
    if call.is_dry:  # of a pack it is as partly simulated as one that writes
        parts["dry"] = True
    if call.action and call.action.runner == "python":
        parts["secrets"] = secret_generations(call.resolved.installation)
    return parts


def shape_of(call: Call) -> str:
    """Hex SHA-256, equal for calls that differ in nothing but the values of their inputs."""
    return _sha256(
        {
            "target": call.resolved.target,
            "version": call.resolved.version.digest,
            "mode": call.mode,
            "connection": str(call.connection.pk) if call.connection else None,
            "agent": str(call.agent.pk) if call.agent else None,
            "inputs": _kind(call.inputs),
        }
        | ({"trigger": str(call.trigger.pk)} if call.trigger else {})
        | ({"dry": True} if call.is_dry else {})
    )


def _kind(value: Any) -> Any:
    """What sort of value it is: of an object its fields, of a list the sorts of its entries."""
    if isinstance(value, dict):
        return {name: _kind(part) for name, part in value.items()}
    if isinstance(value, list):
        kinds = {jcs.dumps(kind): kind for kind in map(_kind, value)}
        return [kinds[name] for name in sorted(kinds)]
    if value is None or isinstance(value, bool | str):
        return type(value).__name__
    return "number"


def _sha256(value: Any) -> str:
    return hashlib.sha256(jcs.dumps(value)).hexdigest()
