"""Python actions and transforms, run by sandboxd: this side asks, stores what it says, and makes a reply of it."""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

from galaxy.core.audit import Actor
from galaxy.core.errors import DomainError
from galaxy.core.vault.services import lease
from registry.models import Kind
from registry.services import secrets_of, verified_manifest
from sandbox.errors import RunError
from sandbox.models import Category, Execution, Run
from sandbox.redaction import redacted, workspace_key
from sandbox.runners import Reply
from sandbox.runners.simulated import action_of
from sandbox.runners.transform import may_remember
from sandbox.sandboxd.client import Lost, Refused, Unreachable, ask
from sandbox.sandboxd.orders import RunOrder
from sandbox.sandboxd.programs import holder_of, limits_of
from sandbox.stopping import CODE, NEXT_STEP

SPARE_S = 8.0  # beyond the run's own time: waiting for a place, and the way there and back
BROKE = "broke"  # sandboxd's word for a failure of its own, which may have come after the call
UNAVAILABLE = 503  # the status by which the gate's rules of repeating know that the other side did not answer


class PythonRunner:
    """An action written in Python, live. It may use the secrets that were given to its installation."""

    is_virtual = False

    def __init__(self, run: Run):
        self.run = run
        self.endpoint = f"python {run.target}"
        self._holder = _holder(run)

    def attempt(self, inputs: dict[str, Any], number: int) -> Reply:
        limits = limits_of(self._holder)
        order = RunOrder(
            workspace=self.run.workspace_id,
            run=str(self.run.pk),
            digest=self.run.version_digest,
            target=self.run.target,
            inputs=inputs,
            seed=self._seed(),
            now=self._now(),
            leases=self._leases(),
            remembers=self._remembers(),
        )
        try:
            answer = ask("run", order.as_body(), seconds=limits.wall_ms / 1000 + SPARE_S)
        except Unreachable as error:
            return Reply(
                UNAVAILABLE,
                code=error.code,
                sentence=str(error),
                next_step=error.next_step,
                has_acted=False,
                not_begun=True,
            )
        except Lost as error:
            return Reply(UNAVAILABLE, code=error.code, sentence=str(error), next_step=error.next_step)
        except Refused as error:
            if error.code == BROKE:
                return Reply(UNAVAILABLE, code=error.code, sentence=str(error), next_step=error.next_step)
            raise _refused(error) from error
        answer = self._hidden(answer)
        self._store(answer, order, number)
        reply = _reply(answer, self._is_repeatable())
        return replace(reply, remembered=bool(answer["remembered"])) if self.run.kind == Kind.TRANSFORM else reply

    def _is_repeatable(self) -> bool:
        return action_of(self.run).is_repeatable

    def _seed(self) -> int:
        return self.run.seed

    def _now(self) -> datetime:
        return self.run.started_at or self.run.created_at

    def _remembers(self) -> bool:
        return False

    def _leases(self) -> dict[str, str]:
        """One lease for each secret that the installation may use, by the name its code calls it by."""
        chain = Actor.from_list(self.run.chain).through("call", str(self.run.pk), self.run.target)
        try:
            return {
                name: lease(
                    secret,
                    run_id=str(self.run.pk),
                    purpose="run",
                    extension=str(self.run.version),
                    action=self.run.target,
                    actor=chain,
                )
                for name, secret in secrets_of(self.run.installation).items()
            }
        except DomainError as error:
            sentence, next_step = str(error), error.next_step
            raise RunError(Category.AUTH_ERROR, error.code, sentence=sentence, next_step=next_step) from error

    def _hidden(self, answer: dict[str, Any]) -> dict[str, Any]:
        """``answer`` as it is stored: who may see a run need not be one who may see its data, so that what looks
        personal is hidden in log, error and addresses as it is in inputs and outputs. The output is the gate's to hide.

        A recording can do the run again only with its values as they were, so where a class of them may not be kept
        at all there is none.
        """
        modes, key = self.run.obligations.get("redact", {}), workspace_key(self.run.workspace_id)
        hide = partial(redacted, schema={}, modes=modes, key=key)
        outcome = answer["outcome"]
        error = outcome["error"] and outcome["error"] | {"sentence": hide(outcome["error"]["sentence"])}
        logs = [line | {"text": hide(line["text"])} for line in outcome["logs"]]
        exchanges = [
            one | {"url": _hidden_url(one["url"], hide), "reason": hide(one["reason"])} for one in answer["exchanges"]
        ]
        recording = "" if "drop" in modes.values() else answer["recording"]
        hidden = {"outcome": outcome | {"error": error, "logs": logs}, "exchanges": exchanges, "recording": recording}
        return answer | hidden

    def _store(self, answer: dict[str, Any], order: RunOrder, number: int) -> None:
        outcome = answer["outcome"]
        Execution.objects.update_or_create(
            workspace=self.run.workspace,
            run=self.run,
            attempt=self.run.attempt,
            number=number,
            defaults={
                "walls": outcome["walls"],
                "limits": outcome["limits"],
                "measured": outcome["measured"],
                "artefact": outcome["artefact"],
                "seed": order.seed,
                "clock": order.now,
                "error": outcome["error"],
                "logs": outcome["logs"],
                "lost_logs": outcome["lost_logs"],
                "exchanges": answer["exchanges"],
                "output_digest": answer["output_digest"],
                "recording": base64.b64decode(answer["recording"]) or None,
                "was_remembered": answer["remembered"],
            },
        )


class PythonTransformRunner(PythonRunner):
    """A transform written in Python, in either mode: it touches nothing but its input. Its clock and seed are those of
    its version, so that equal inputs give equal bytes."""

    def _is_repeatable(self) -> bool:
        return True

    def _seed(self) -> int:
        return int(self.run.version_digest[:12], 16)

    def _now(self) -> datetime:
        return self.run.version.published_at

    def _leases(self) -> dict[str, str]:
        return {}

    def _remembers(self) -> bool:
        return may_remember(self.run, verified_manifest(self.run.version_digest))


def is_python(run: Run) -> bool:
    return bool(_holder(run).get("code_file"))


def _holder(run: Run) -> dict[str, Any]:
    return holder_of(verified_manifest(run.version_digest), run.target)


def _hidden_url(url: str, hide: Callable[[str], str]) -> str:
    """As it is, or without its escapes where they hid something personal."""
    plain = unquote(url)
    shown = hide(plain)
    return url if shown == plain else "".join(sign if sign.isprintable() else "?" for sign in shown)


def _reply(answer: dict[str, Any], is_repeatable: bool) -> Reply:
    """What the gate makes of an outcome. Raises RunError where trying again cannot help."""
    outcome, has_acted = answer["outcome"], answer["may_have_acted"]
    if outcome["status"] == "ok":
        return Reply(200, outputs=outcome["output"], has_acted=has_acted)
    error = outcome["error"]
    status = error["http_status"] or 0
    if status >= 400 or error["category"] == Category.TRANSIENT:
        return Reply(
            status if status >= 400 else UNAVAILABLE,
            code=error["code"],
            sentence=error["sentence"],
            next_step="" if status >= 400 else error["next_step"],  # the status says more on what to do
            has_acted=has_acted,
        )
    raise RunError(
        error["category"],
        error["code"],
        sentence=error["sentence"],
        next_step=error["next_step"],
        attempts=1,
        ambiguous=has_acted and not is_repeatable,
    )


def _refused(error: Refused) -> RunError:
    """sandboxd's own no: nothing was run."""
    category = Category.AUTH_ERROR if error.code in _OF_SECRETS else Category.TRANSIENT
    if error.code == CODE:
        return RunError(Category.POLICY_BLOCK, error.code, sentence=str(error), next_step=NEXT_STEP, attempts=1)
    return RunError(category, error.code, sentence=str(error), next_step=error.next_step, attempts=1)


_OF_SECRETS = frozenset({"vault_closed", "secret_gone", "lease_refused", "key_destroyed", "cannot_open"})
