"""The operation ``call``: one exchange of a REST or gRPC action, over the run's own connection.

It is answered with

    {status, headers, body, next, code, category, sentence, next_step, field, was_sent, has_acted,
     exchange, renewed}

``status`` is None where no answer came, ``body`` a JSON value, ``next`` the token of the page after this one or None.
``category`` is empty for a success; what failed without one of its own is told by ``code`` and ``sentence``, and
``field`` names the input that is to blame, where one is. ``was_sent``: something may have reached the other side.
``exchange`` is the record of what left, {method, url, status, code, reason, address, was_sent, duration_ms, bytes_in,
bytes_out, redirects, redirected_to}, None where nothing did. ``renewed``: the token was refused and there is another
one by now, so that the same order may be sent once more.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from galaxy.core import jcs
from galaxy.core.egress import HostRule, Refusal
from galaxy.core.egress.rules import parse
from galaxy.core.scope import workspace_scope
from registry.manifests import ActionSpec, Manifest
from registry.models import Connection
from registry.services import verified_manifest
from sandbox.models import Run
from sandbox.rest import BadCall
from sandbox.sandboxd.credentials import Authorised as Credentials
from sandbox.sandboxd.credentials import NotAuthorised, authorised, renewed, require_generation
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.orders import BadOrder, CallOrder
from sandbox.sandboxd.under_way import briefly, record_refusal, running

REFRESH_S = 5.0  # for tokens, before the exchange and after it, besides its own time
NONE = Credentials({}, {}, (), "", 0)


@dataclass(frozen=True)
class Asked:
    """One exchange to be made: everything that it depends on but the credentials."""

    order: CallOrder
    run: Run
    manifest: Manifest
    spec: ActionSpec
    rules: tuple[HostRule, ...]
    ways: Ways

    @property
    def host(self) -> str:
        """What {connection.host} stands for; empty where the connection has none."""
        return self.run.connection.host if self.run.connection else ""

    @property
    def seconds(self) -> float:
        return min(self.order.seconds, self.spec.timeout_ms / 1000)

    def refused(self, refusal: Refusal) -> None:
        """Tells the trail of what policy blocked."""
        record_refusal(self.run, refusal)


Exchange = Callable[[Asked, Credentials], dict[str, Any]]


def call(order: CallOrder, ways: Ways) -> dict[str, Any]:
    """The answer to one order. Raises BadOrder, or Stopped."""
    begun = time.monotonic()
    with workspace_scope([order.workspace]):
        try:
            with briefly():
                asked = _asked(order, ways)
                credentials = _credentials(asked)
        except BadCall as bad:
            return not_made(bad)
        except NotAuthorised as no:
            return failed(no.code, no.category, str(no), no.next_step)
        left = max(0.0, begun + REFRESH_S - time.monotonic())
        answer = exchange_of(asked.spec)(asked, credentials)
        if answer["status"] == 401 and credentials is not NONE and order.may_renew and asked.run.connection:
            answer |= _renewed(asked, asked.run.connection, credentials, left)
        return answer


def failed(code: str, category: str, sentence: str, next_step: str = "", **more: Any) -> dict[str, Any]:
    """The answer where nothing was sent, or ``more`` says that something was."""
    return {
        "status": None,
        "headers": {},
        "body": None,
        "next": None,
        "code": code,
        "category": category,
        "sentence": sentence,
        "next_step": next_step,
        "field": "",
        "was_sent": False,
        "has_acted": False,
        "exchange": None,
        "renewed": False,
    } | more


def not_made(bad: BadCall) -> dict[str, Any]:
    """The answer where no request could be made."""
    return failed(bad.code, bad.category, str(bad), bad.next_step, field=bad.field)


def _asked(order: CallOrder, ways: Ways) -> Asked:
    """Raises BadOrder, BadCall where the connection leads to a host that is not declared, or NotAuthorised where it was
    connected anew since the run was let through."""
    run = running(order.workspace, order.run, order.digest, order.target, calls=True)
    if run.is_simulated:
        raise BadOrder("This run is simulated, so nothing leaves for it.")
    if run.attempt != order.attempt:
        raise BadOrder("Another worker has this run by now.")
    if hashlib.sha256(jcs.dumps(order.inputs)).hexdigest() != run.input_digest:
        raise BadOrder("These are not the inputs of this run.")
    manifest = verified_manifest(order.digest)
    spec = manifest.actions.get(order.target) or manifest.actions.get(order.target.removeprefix(f"{manifest.id}."))
    if spec is None:
        raise BadOrder(f"{manifest.id} has no action {order.target:.160}.")
    if run.connection:
        require_generation(run.connection, order.generation)
    host = run.connection.host if run.connection else ""
    try:
        rules = parse(manifest.canonical.get("egress", ()), connection_host=host)
    except ValueError as error:
        next_step = "Reconnect it, to a host that is declared."
        raise BadCall("policy_block", "host_not_allowed", str(error), next_step=next_step) from error
    return Asked(order, run, manifest, spec, rules, ways)


def _credentials(asked: Asked) -> Credentials:
    """What the request carries. Raises NotAuthorised."""
    if asked.manifest.canonical.get("auth", {}).get("type", "none") == "none":
        return NONE
    if asked.run.connection is None:
        raise NotAuthorised(
            "not_connected", "auth_error", "It is not connected to an account.", "Connect it, then run it again."
        )
    sealed = getattr(asked.run.connection, "credential", None)
    return authorised(asked.run.connection, asked.manifest, seconds=REFRESH_S, ways=asked.ways, sealed=sealed)


def _renewed(asked: Asked, connection: Connection, refused: Credentials, seconds: float) -> dict[str, Any]:
    """What a 401 changes in its answer: there is another token by now, or there is none and a person is needed."""
    try:
        found = renewed(
            connection,
            asked.manifest,
            seen_generation=refused.token_generation,
            seconds=seconds,
            ways=asked.ways,
        )
    except NotAuthorised as no:
        return {"code": no.code, "category": no.category, "sentence": str(no), "next_step": no.next_step}
    return {"renewed": found is not None}


def exchange_of(spec: ActionSpec) -> Exchange:
    """How one exchange of an action is made. Raises BadOrder for what makes none."""
    from sandbox.sandboxd import grpc_calls, rest_calls  # these answer in the form above

    if spec.runner == "rest":
        return rest_calls.exchange
    if spec.runner == "grpc":
        return grpc_calls.exchange
    raise BadOrder(f"A {spec.runner} action is not called in this way.")
