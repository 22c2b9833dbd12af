"""What the page of one run shows, read in a fixed number of queries whatever the number of spans and steps."""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from galaxy.core.db.prepared import prepared
from policies.models import Approval
from policies.waiting import Waiting, waiting_of
from registry.manifests.flow_graph import Graph
from registry.models import Connection, Kind
from sandbox.execution_page import ExecutionPage, execution_page
from sandbox.models import CallRecord, OutboxMessage, Run, Span
from sandbox.outcomes.words import name_of, signal_of
from sandbox.pack_graph import Passed, graph_of_run, passed_of
from sandbox.pack_steps import Step, steps_of, took_ms
from sandbox.packs.retrying import is_paused
from sandbox.requests_page import Request, requests_of
from sandbox.run_offers import later_of, no_retry
from sandbox.services.held import is_held
from sandbox.trace import Row, Trace, waterfall

CALLS_SHOWN = 400  # the last ones, of a pack that made more
SPANS_SHOWN = 400  # a page longer than this helps nobody; the page says so when there are more
LONGEST = 300  # characters of one value; the JSON has the rest
MOST_PAIRS = 40
DEEPEST = 2  # levels below the first that are told by dotted names
MOST_LISTED = 8  # values of a list that are told one by one


class RunPage:
    """``opened`` is the id of the span whose details are shown, if any."""

    def __init__(self, run: Run, opened: UUID | None = None):
        self.run = run
        self.opened = opened

    @property
    def title(self) -> str:
        """What the browser's tab says, now and after every poll."""
        return f"{self.run.target}, {self.run.get_state_display().lower()}"

    @cached_property
    def steps(self) -> list[Step]:
        """The steps of a pack in the order of its manifest; empty for everything else."""
        return steps_of(self.run, self._family) if self.run.kind == Kind.PACK else []

    @cached_property
    def graph(self) -> Graph | None:
        """The steps of a pack as a drawing, each with how it is."""
        if self.run.kind != Kind.PACK:
            return None
        earlier = {step.id: step.run for step in self.steps if step.is_earlier and step.run}
        return graph_of_run(self.run, self._children, earlier)

    @cached_property
    def passed(self) -> list[tuple[Passed, list[tuple[str, str]], list[tuple[str, str]]]]:
        """The values between the steps, with inputs and outputs as pairs for people."""
        return [(one, readable(one.inputs), readable(one.outputs)) for one in passed_of(self._children)]

    @cached_property
    def trace(self) -> Trace:
        """A step shows its own part of the trace, a run that somebody asked for the whole."""
        own = self.run.pk if self.run.parent_id else None
        runs = [self.run.pk, self.run.parent_id, *(run.pk for run in self._children)]
        return waterfall(self._spans[:SPANS_SHOWN], own, runs)

    @property
    def spans_cut(self) -> int:
        """The number shown where there are more spans than the page shows, else 0."""
        return SPANS_SHOWN if len(self._spans) > SPANS_SHOWN else 0

    @cached_property
    def open_row(self) -> Row | None:
        return self.trace.row(self.opened)

    @cached_property
    def open_run(self) -> Run | None:
        """The run that the open span belongs to, where it is this one or one of its steps."""
        if self.open_row is None:
            return None
        return next((run for run in [self.run, *self._children] if run.pk == self.open_row.span.run_id), None)

    @cached_property
    def open_exchange(self) -> dict[str, Any] | None:
        """What the open attempt came back with: {attempt, status, duration_ms}; None for any other span."""
        if self.open_row is None or self.open_row.span.kind != "attempt":
            return None
        record = CallRecord.objects.in_workspace(self.run.workspace).filter(run_id=self.open_row.span.run_id).first()
        number = self.open_row.span.name.rpartition(" ")[2]
        return next((one for one in (record.exchanges if record else []) if str(one.get("attempt")) == number), None)

    @cached_property
    def sandbox(self) -> ExecutionPage | None:
        """What the sandbox says of the last try, where this is Python."""
        return execution_page(self.run)

    @cached_property
    def requests(self) -> list[Request]:
        """What left for a live run of a REST or gRPC action."""
        return requests_of(self.run)

    @cached_property
    def approval(self) -> Approval | None:
        """What it waits for."""
        return self.run.asked

    @property
    def waiting(self) -> Waiting | None:
        """For whom, and how long that usually takes."""
        return waiting_of(self.approval) if self.approval else None

    @property
    def held_by(self) -> Connection | None:
        """The connection that has to be renewed before the run, or the step it is at, goes on."""
        return next((run.connection for run in [self.run, *self._family] if is_held(run)), None)

    @cached_property
    def turn(self) -> OutboxMessage | None:
        """Why and until when a queued run waits for its turn; None where it does not."""
        if self.run.state != Run.State.QUEUED:
            return None
        return OutboxMessage.objects.in_workspace(self.run.workspace).filter(run=self.run).exclude(because="").first()

    @property
    def limits_url(self) -> str:
        """Where the limits stand that it waits for; "" where it goes out by no connection."""
        return f"{self.run.connection.get_absolute_url()}#limits" if self.run.connection else ""

    @property
    def failed_run(self) -> Run:
        """Where it failed: itself, or the step of a pack."""
        backwards = reversed(self._children)  # what failed before it was skipped
        ended = (run for run in backwards if run.state in (Run.State.FAILED, Run.State.UNKNOWN))
        return next(ended, self.run)

    @property
    def steps_done(self) -> int:
        return sum(1 for step in self.steps if step.state == Run.State.SUCCEEDED)

    @property
    def no_outputs(self) -> str:
        """What stands where outputs would, as long as there are none."""
        return "Nothing came out." if self.run.is_final else "Nothing yet."

    @property
    def took_ms(self) -> float | None:
        return took_ms(self.run)

    @cached_property
    def later(self) -> Run | None:
        """The run that goes on where this one failed, or takes it back."""
        return later_of(self.run)

    @cached_property
    def no_retry(self) -> str:
        """Why it cannot go on where it failed, "" where it can or that is no question."""
        return no_retry(self.run) if self.later is None else ""

    @cached_property
    def is_paused(self) -> bool:
        return is_paused(self.run)

    @cached_property
    def inputs(self) -> list[tuple[str, str]]:
        return readable(self.run.inputs)

    @cached_property
    def outputs(self) -> list[tuple[str, str]]:
        return readable(self.run.outputs)

    @property
    def attempts(self) -> int:
        """How often the call was tried; 0 where nothing was called."""
        tried = (row for row in self.trace.rows if row.span.kind == "attempt" and row.span.run_id == self.run.pk)
        return sum(1 for _ in tried)

    @property
    def seed(self) -> str:
        """In hexadecimal, as short as it is."""
        return format(self.run.seed, "x")

    @property
    def samples(self) -> str:
        """The sample that a simulated run answers with, and those of single steps of a pack that answer otherwise."""
        others = [
            f", at “{step}” with “{Run.Scenario(sample).label}”"
            for step, sample in self.run.scenarios.items()
            if sample != self.run.scenario
        ]
        return f"with the sample “{self.run.get_scenario_display()}”{''.join(others)}"

    @property
    def outcome_name(self) -> str:
        return name_of(self.run.outcome)

    @property
    def outcome_signal(self) -> str:
        """What proved the outcome, in words."""
        return signal_of(self.run.outcome)

    @property
    def stamp(self) -> str:
        """Changes when the page would look different, so that a poll without news swaps nothing."""
        states = [self.run.state, self.run.attempt, len(self._spans), *(run.state for run in self._family)]
        return hashlib.sha256("|".join(map(str, states)).encode()).hexdigest()[:12]

    @property
    def ending(self) -> str:
        """The sentence for screen readers once the run is over: "Lead follow-up succeeded."."""
        words = {"unknown": "ended in a state that is not known", "cancelled": "was cancelled"}
        name = self.run.version.extension.name if self.run.kind == Kind.PACK else self.run.target
        return f"{name} {words.get(self.run.state, self.run.get_state_display().lower())}."

    @property
    def has_lost_spans(self) -> bool:
        """Whether it was worked on and no span of it is here."""
        return self.run.is_final and self.run.started_at is not None and not self._spans

    @property
    def _children(self) -> list[Run]:
        return [run for run in self._family if run.undoes_id is None]

    @cached_property
    def _family(self) -> list[Run]:
        """The calls it made, with those that took some of them back; of a long loop not all."""
        return _steps_of(workspace=self.run.workspace_id, run=self.run.pk)[::-1]

    @cached_property
    def _spans(self) -> list[Span]:
        return _spans_of(workspace=self.run.workspace_id, run=self.run.parent_id or self.run.pk)


@prepared
def _steps_of(workspace: UUID, run: UUID) -> QuerySet[Run]:
    steps = Run.objects.in_workspace(workspace).filter(parent=run)
    related = ("workspace", "approval__workspace", "connection__workspace", "connection__owner")
    shown = ("installation__extension", "installation__workspace", "version__extension")
    return steps.select_related(*related, *shown).order_by("-created_at", "-pk")[:CALLS_SHOWN]


@prepared
def _spans_of(workspace: UUID, run: UUID) -> QuerySet[Span]:
    spans = Span.objects.in_workspace(workspace).filter(root_run_id=run)
    return spans.order_by("started_at", "id")[: SPANS_SHOWN + 1]


def readable(values: Any) -> list[tuple[str, str]]:
    """The fields of an object as pairs of dotted name and text, for people; what is nested too deep or too long is
    counted, and its JSON stands beside it. Empty for anything but an object."""
    return list(islice(_pairs(values, "", 0), MOST_PAIRS)) if isinstance(values, dict) else []


def _pairs(values: dict[str, Any], above: str, depth: int) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict) and value and depth < DEEPEST:
            yield from _pairs(value, f"{above}{name}.", depth + 1)
        else:
            yield above + name, _text_of(value)


def _text_of(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "Yes" if value else "No"
        case str() | int() | float():
            text = str(value)
            return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        case list() if all(isinstance(one, str | int | float) for one in value) and len(value) <= MOST_LISTED:
            return ", ".join(_text_of(one) for one in value) or "none"
        case list():
            return f"{len(value)} entries"
    return f"{len(value)} field{'' if len(value) == 1 else 's'}"
