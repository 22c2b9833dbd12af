"""Live calls of REST and gRPC actions: sandboxd makes each exchange, this side goes through the pages and maps them."""

from collections.abc import Callable
from typing import Any

from galaxy.core.errors import DomainError
from registry.manifests import ActionSpec, Manifest
from registry.manifests.functions import EvaluationFailed
from registry.services import verified_manifest
from sandbox import rest
from sandbox.models import Category, Run
from sandbox.runners import Reply
from sandbox.runners.simulated import action_of
from sandbox.sandboxd.client import Lost, Refused, Unreachable, ask
from sandbox.sandboxd.orders import CallOrder
from sandbox.services.leases import keep
from sandbox.stopping import CODE, NEXT_STEP

SPARE_S = 6.0  # beyond the exchange's own time: refreshing a token, and the way there and back
REFRESHING = "refresh_slow"  # its word for a token that is on its way: nothing was sent, so ask again in a moment
BROKE = "broke"  # sandboxd's word for a failure of its own, which may have come after the call
UNAVAILABLE = 503  # the status by which the gate's rules of repeating know that the other side did not answer
MAX_PAGES_BYTES = 4 * 1024 * 1024  # of all pages, as they came


class LiveRunner:
    """One action of a REST or gRPC manifest, over the run's own connection.

    ``before_send`` is called before every request that leaves, the first one included; it may wait, or raise RunError.
    A failed attempt goes on at the page that failed, so that a long list is not read anew.
    """

    is_virtual = False

    def __init__(self, run: Run):
        self.run = run
        self._begin(
            verified_manifest(run.version_digest), action_of(run), run.connection.host if run.connection else ""
        )
        self._generation = run.connection.generation if run.connection else 0  # as it was read at the claim

    def _begin(self, manifest: Manifest, spec: ActionSpec, host: str) -> None:
        self.manifest, self.spec, self.host = manifest, spec, host
        self.before_send: Callable[[], None] = _nothing
        self._endpoint = 0
        self._listing = _Listing()

    @property
    def endpoint(self) -> str:
        """What is called, without the values of inputs and without secrets."""
        try:
            shown = rest.shown_address(self.spec, self.manifest, host=self.host, endpoint=self._endpoint)
        except rest.BadCall:
            return self.run.target
        if self.spec.grpc:
            return f"gRPC {shown}/{self.spec.grpc['service']}/{self.spec.grpc['method']}"
        return f"{self.spec.method} {shown}" if self.spec.method else shown

    def use_endpoint(self, number: int) -> None:
        """From now on call the ``number``-th fallback; 0 is what the manifest declares first."""
        if number != self._endpoint:
            self._endpoint, self._listing = number, _Listing()

    def attempt(self, inputs: dict[str, Any], number: int) -> Reply:
        pagination = self.spec.raw.get("pagination")
        requests: list[dict[str, Any]] = []
        while True:
            answer = self._exchanged(inputs, requests)
            if isinstance(answer, Reply):
                return answer
            if answer["category"]:
                return _failure(answer, requests)
            if pagination is None:
                return self._success(answer, requests)
            try:
                self._listing.add(rest.items_of(pagination, answer["body"]), answer)
            except rest.BadCall as bad:
                return _bad(bad, answer, requests)
            if self._listing.page is None or self._listing.count >= rest.most_pages(pagination):
                return self._success(answer, requests)
            self.stay()  # many pages take longer than a lease

    def stay(self) -> None:
        """A sign of life between two pages. Raises LostLease."""
        keep(self.run)

    def _exchanged(self, inputs: dict[str, Any], requests: list[dict[str, Any]]) -> dict[str, Any] | Reply:
        """One exchange, once more where sandboxd has renewed the token that was refused; its record is added to
        ``requests``. A Reply where sandboxd itself has no answer."""
        answer = self.asked(inputs, requests, may_renew=True)
        if isinstance(answer, dict) and answer["renewed"]:
            answer = self.asked(inputs, requests, may_renew=False)
        return answer

    def asked(
        self, inputs: dict[str, Any], requests: list[dict[str, Any]], *, may_renew: bool
    ) -> dict[str, Any] | Reply:
        """The answer of sandboxd to one exchange, or a Reply where it has none."""
        seconds = self.spec.timeout_ms / 1000
        order = CallOrder(
            workspace=self.run.workspace_id,
            run=str(self.run.pk),
            digest=self.run.version_digest,
            target=self.run.target,
            inputs=inputs,
            attempt=self.run.attempt,
            generation=self._generation,
            endpoint=self._endpoint,
            page=self._listing.page,
            may_renew=may_renew,
            seconds=seconds,
        )
        self.before_send()
        try:
            answer = ask("call", order.as_body(), seconds=seconds + SPARE_S)
        except Unreachable as error:
            return _unavailable(error, requests, has_acted=False, not_begun=True)
        except Lost as error:
            return _unavailable(error, requests)
        except Refused as error:
            if error.code == BROKE:
                return _unavailable(error, requests)
            category = Category.POLICY_BLOCK if error.code == CODE else Category.TOOL_ERROR
            return _unavailable(error, requests, category=category, has_acted=False)
        if answer["exchange"]:
            requests.append(answer["exchange"] | {"page": self._listing.count + 1})
        return answer

    def _success(self, answer: dict[str, Any], requests: list[dict[str, Any]]) -> Reply:
        is_list = "pagination" in self.spec.raw
        try:
            outputs = rest.outputs_of(
                self.spec.raw,
                status=answer["status"],
                headers=answer["headers"],
                body=answer["body"],
                items=self._listing.items if is_list else None,
                more=self._listing.page is not None,
            )
        except EvaluationFailed as error:
            sentence = f"The answer cannot be mapped. {error}"
            return _bad(rest.BadCall(Category.TOOL_ERROR, "mapping_failed", sentence), answer, requests)
        return Reply(
            answer["status"],
            answer["body"],
            answer["headers"],
            outputs,
            has_acted=answer["has_acted"],
            requests=requests,
        )


class _Listing:
    """What the pages of a list brought so far, and the token of the next one."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.page: str | None = None
        self.count = 0
        self._seen: set[str] = set()
        self._bytes = 0

    def add(self, items: list[Any], answer: dict[str, Any]) -> None:
        """Raises BadCall for pages without end."""
        self._bytes += (answer["exchange"] or {}).get("bytes_in", 0)
        if self._bytes > MAX_PAGES_BYTES:
            sentence = f"The pages hold more than {MAX_PAGES_BYTES // 1024**2} MiB."
            raise rest.BadCall(Category.TOOL_ERROR, "response_too_large", sentence, next_step="Ask for less at a time.")
        page = answer["next"]
        if page in self._seen:
            raise rest.BadCall(Category.TOOL_ERROR, "pages_in_circles", "The pages lead in a circle.")
        if page is not None:
            self._seen.add(page)
        self.items += items
        self.page = page
        self.count += 1


def _nothing() -> None:
    """Nobody waits before a request, and nobody counts it."""


def _failure(answer: dict[str, Any], requests: list[dict[str, Any]]) -> Reply:
    return Reply(
        answer["status"] or 0,
        answer["body"],
        answer["headers"],
        category=answer["category"],
        code=answer["code"],
        sentence=answer["sentence"],
        next_step=NEXT_STEP if answer["code"] == CODE else answer["next_step"],
        field=answer["field"],
        has_acted=answer["has_acted"],
        was_sent=answer["was_sent"] or bool(requests),
        requests=requests,
        not_begun=answer["code"] == REFRESHING,
    )


def _bad(bad: rest.BadCall, answer: dict[str, Any], requests: list[dict[str, Any]]) -> Reply:
    """The other side said yes, and nothing can be made of what it said."""
    return Reply(
        answer["status"],
        category=bad.category,
        code=bad.code,
        sentence=str(bad),
        next_step=bad.next_step or "Tell the extension's publisher.",
        has_acted=answer["has_acted"],
        requests=requests,
    )


def _unavailable(error: DomainError, requests: list[dict[str, Any]], **more: Any) -> Reply:
    return Reply(
        UNAVAILABLE, code=error.code, sentence=str(error), next_step=error.next_step, requests=requests, **more
    )
