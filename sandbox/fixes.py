"""The one concrete step that mends a failed run, for each category of error, with a control that does it.

Who may not take the step sees it all the same, with what is missing and whom to ask.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.dateparse import parse_datetime

from galaxy.core.models import Agent, User
from galaxy.core.permissions import Denied, why_not
from registry.services import verified_manifest
from sandbox.breakers import HELD_BACK
from sandbox.connections.permissions import has_page_for, why_not_yours
from sandbox.errors import CATEGORIES
from sandbox.models import Category, Run, Trigger
from sandbox.packs.marks import CODE

_ASKED_ANEW = frozenset(
    {"approval_changed", "approval_rejected", "approval_expired", "approval_withdrawn", "approval_missing"}
)
_MISFITS = frozenset({"output_mismatch", "output_not_plain"})  # the extension's doing, not the caller's
_GRANTS = {"run_permission_missing": "registry.run_installation", "write_grant_missing": "registry.write_installation"}
_OF_AGENT = frozenset({"agent_barred", "agent_scope_missing", "agent_budget_spent"})


@dataclass(frozen=True)
class Way:
    """A control: a link, or with ``denied`` what is missing to use it."""

    label: str
    url: str
    icon: str
    denied: Denied | None = None


@dataclass(frozen=True)
class Fix:
    """``title`` says the step, ``ways`` are its controls, the best first; ``report`` is a text to hand on; ``at`` is
    when waiting is over, where that is known. ``says_more_than`` is the category's own next step, which the card makes
    needless."""

    title: str
    ways: tuple[Way, ...]
    report: str = ""
    at: datetime | None = None
    says_more_than: str = ""


def fix_for(run: Run, failed: Run, user: User) -> Fix | None:
    """The step for ``run``, which failed at ``failed``: itself, or the step of a pack; None where nothing failed, and
    where it is in doubt: that is settled first, since running it again might do it twice.

    Both read with installation__extension, connection__owner, agent and version__extension.
    """
    if not run.error or run.state != Run.State.FAILED:
        return None
    fix = _FIXES[run.error_category](_Failure(run, failed, user, run.error.get("error_code", "")))
    return replace(fix, says_more_than=CATEGORIES[run.error_category].next_step)


@dataclass(frozen=True)
class _Failure:
    run: Run
    failed: Run
    user: User
    code: str

    @property
    def slug(self) -> str:
        return self.run.workspace.slug

    def again(self, label: str = "Run it again…") -> Way:
        """The run's form, filled in as it was."""
        query = urlencode({"target": self.run.target, "from": self.run.pk})
        denied = why_not(self.user, "registry.run_installation", self.run.installation)
        return Way(label, f"{reverse('sandbox:run-create', args=[self.slug])}?{query}", "rotate-cw", denied)

    def reconnect(self) -> Way:
        connection = self.failed.connection
        if connection is None:
            return self.extension("Open its connections")
        url = reverse("sandbox:connection-connect", args=[self.slug, connection.pk])
        return Way("Reconnect…", url, "plug", why_not_yours(connection, self.user))

    def limits(self, label: str = "See its limits") -> Way:
        connection = self.failed.connection
        if connection is None or not has_page_for(connection, self.user):
            return self.extension("Open the extension")
        return Way(label, f"{connection.get_absolute_url()}#limits", "gauge")

    def extension(self, label: str, icon: str = "blocks") -> Way:
        return Way(label, self.failed.installation.get_absolute_url(), icon)

    def versions(self) -> Way:
        place = [self.run.workspace.slug, self.failed.installation_id]
        return Way("Choose another version…", reverse("registry:pin-change", args=place), "pin")

    def agent(self, label: str, agent: Agent) -> Way:
        denied = why_not(self.user, "core.manage_agent", self.run.workspace)
        return Way(label, agent.get_absolute_url(), "bot", denied)

    def trigger(self, label: str, trigger: Trigger) -> Way:
        denied = why_not(self.user, "core.view_installation", self.run.workspace)
        return Way(label, trigger.get_absolute_url(), "zap", denied)


def _auth_error(failure: _Failure) -> Fix:
    return Fix("Reconnect it with an account that may do this.", (failure.reconnect(), failure.again()))


def _rate_limit(failure: _Failure) -> Fix:
    at = parse_datetime((failure.run.error or {}).get("retry_at") or "")
    return Fix("Wait, then run it again.", (failure.again(), failure.limits()), at=at)


def _quota(failure: _Failure) -> Fix:
    if failure.code == "agent_budget_spent" and failure.run.agent:
        way = failure.agent("Raise its budget…", failure.run.agent)
        return Fix("Give the agent a larger budget, or wait for tomorrow.", (way,))
    at = parse_datetime((failure.run.error or {}).get("retry_at") or "")
    return Fix("Look what is left, and run it again when there is room.", (failure.limits(), failure.again()), at=at)


def _inputs(failure: _Failure) -> Fix:
    if failure.code in _MISFITS:
        return _tool_error(failure)
    return Fix("Correct the inputs.", (failure.again("Correct the inputs…"),))


def _tool_error(failure: _Failure) -> Fix:
    failed, error = failure.failed, failure.run.error or {}
    manifest = verified_manifest(failed.version_digest)
    ways = [failure.versions(), failure.again()]
    if homepage := manifest.canonical.get("homepage"):
        ways.insert(0, Way("Open its homepage", homepage, "external-link"))
    lines = {
        "Extension": str(failed.version),
        "Digest": failed.version_digest,
        "Action": failed.target,
        "Run": str(failed.pk),
        "Error": error.get("error_code", ""),
        "Status": error.get("status") or "none",
        "Attempts": error.get("attempts", 0),
    }
    report = "\n".join(f"{name}: {value}" for name, value in lines.items())
    return Fix(f"Tell its publisher, {failed.version.extension.publisher}.", tuple(ways), report=report)


def _transient(failure: _Failure) -> Fix:
    at = parse_datetime((failure.run.error or {}).get("retry_at") or "")
    if failure.code == HELD_BACK:
        return Fix("Wait until calls go through, or reset its breaker.", _by_its_breaker(failure), at=at)
    return Fix("Run it again in a few minutes.", (failure.again(), failure.limits()), at=at)


def _by_its_breaker(failure: _Failure) -> tuple[Way, ...]:
    return failure.limits("See its breaker"), failure.again()


def _policy_block(failure: _Failure) -> Fix:
    if failure.code in _OF_AGENT and failure.run.agent:
        return Fix("Change what the agent may do.", (failure.agent("Open the agent", failure.run.agent),))
    if failure.code in _OF_AGENT and failure.run.trigger:
        return Fix("Change what the trigger may do.", (failure.trigger("Open the trigger", failure.run.trigger),))
    if failure.code == HELD_BACK:
        return Fix("Ask whoever holds its calls back, or reset its breaker.", _by_its_breaker(failure))
    if failure.code == "not_connected":
        return Fix("Connect it, then run it again.", (failure.reconnect(), failure.again()))
    if failure.code == CODE:
        return Fix("Connect what is simulated, or simulate all of it.", (failure.reconnect(), failure.again()))
    if failure.code in _ASKED_ANEW:
        return Fix("Ask again.", (failure.again("Ask again…"),))
    if failure.code == "scope_not_consented":
        return Fix("Agree to what it asks for.", (failure.extension("Open the extension"),))
    if perm := _GRANTS.get(failure.code):
        installation = failure.failed.installation
        url = f"{installation.get_absolute_url()}#grants"
        denied = why_not(failure.user, perm, installation)
        way = Way("Run it", url, "key-round", denied) if denied else failure.again()
        return Fix("Ask for the permission." if denied else "Run it again.", (way,))
    return Fix("See what would pass.", (Way("See the decision", "#decision", "scale"), failure.again()))


_FIXES: dict[str, Callable[[_Failure], Fix]] = {
    Category.AUTH_ERROR: _auth_error,
    Category.RATE_LIMIT: _rate_limit,
    Category.QUOTA: _quota,
    Category.NOT_FOUND: _inputs,
    Category.VALIDATION: _inputs,
    Category.TOOL_ERROR: _tool_error,
    Category.TRANSIENT: _transient,
    Category.POLICY_BLOCK: _policy_block,
}
