"""The steps of a pack's run for its page: as the manifest plans them, and what became of each."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count

from sandbox.models import Run
from sandbox.pack_graph import WORST
from sandbox.undoing.compensating import WORDS
from sandbox.undoing.family import family_of


@dataclass(frozen=True)
class Step:
    """A step of a pack: as its manifest plans it and, once it began, the run it became; of a loop the one of its items
    that a person has to look at. ``state`` is "" where there is none; ``undo`` is the run that took it back."""

    id: str
    use: str
    run: Run | None
    word: str
    state: str = ""
    undo: Run | None = None
    is_earlier: bool = False

    @property
    def took_ms(self) -> float | None:
        return took_ms(self.run) if self.run else None

    @property
    def undone(self) -> str:
        """What became of taking it back, in words."""
        return WORDS.get(self.undo.state, "being taken back").capitalize() if self.undo else ""


def steps_of(run: Run, calls: Iterable[Run]) -> list[Step]:
    """In the order of the manifest. ``calls`` are those that the run made, with those that took some of them back; of a
    run that takes another one back only its steps that there is something to say of."""
    made: dict[str, list[Run]] = {}
    undone: dict[str, Run] = {}
    for call in calls:
        if call.undoes_id:
            undone[call.step_id] = call
        else:
            made.setdefault(call.step_id, []).append(call)
    planned = run.version.parsed.steps
    if run.undoes_id:
        return [_undoing(step, undone[step["id"]]) for step in reversed(planned) if step["id"] in undone]
    earlier = _earlier(run)
    counts = _counts(run) if any("each" in step for step in planned) else {}
    return [
        _step(run, step, made.get(step["id"], []), counts.get(step["id"], {}), undone.get(step["id"]), earlier)
        for step in planned
    ]


def took_ms(run: Run) -> float | None:
    """From start to end in milliseconds; None while that is not known."""
    if not (run.started_at and run.finished_at):
        return None
    return (run.finished_at - run.started_at).total_seconds() * 1000


def _step(
    run: Run, step: dict, made: list[Run], counts: dict[str, int], undo: Run | None, earlier: dict[str, Run]
) -> Step:
    if not made:
        before = earlier.get(step["id"])
        if before:
            return Step(step["id"], step["use"], before, "Taken over", before.state, undo, is_earlier=True)
        return Step(step["id"], step["use"], None, _word_of(run), "", undo)
    one = min(made, key=lambda call: WORST.index(Run.State(call.state)))
    word = one.get_state_display()
    if "each" in step:
        done, all_of_them = counts.get(Run.State.SUCCEEDED, 0), sum(counts.values())
        word = f"{done:,} of {all_of_them:,} done" if done < all_of_them else f"{done:,} done"
    if step.get("on_failure") == "skip" and run.state == Run.State.SUCCEEDED and one.state == Run.State.FAILED:
        word = f"{word}, skipped"
    return Step(step["id"], step["use"], one, word, one.state, undo)


def _undoing(step: dict, call: Run) -> Step:
    return Step(step["id"], call.target, call, WORDS.get(call.state, call.get_state_display()).capitalize(), call.state)


def _word_of(run: Run) -> str:
    if not run.is_final:
        return "Not started"
    return "Left out" if run.state == Run.State.SUCCEEDED else "Not reached"


def _counts(run: Run) -> dict[str, dict[str, int]]:
    """How many items of each loop are in which state."""
    rows = Run.objects.in_workspace(run.workspace).filter(parent=run, undoes=None, item__gt=0)
    found: dict[str, dict[str, int]] = {}
    for step_id, state, count in rows.order_by().values_list("step_id", "state").annotate(Count("pk")):
        found.setdefault(step_id, {})[state] = count
    return found


def _earlier(run: Run) -> dict[str, Run]:
    """The calls that it took over from the run it goes on with, by step."""
    if run.resumes_id is None:
        return {}
    rows = Run.objects.in_workspace(run.workspace).filter(parent__in=family_of(run)[1:], undoes=None)
    rows = rows.filter(state=Run.State.SUCCEEDED).select_related("workspace").order_by("step_id", "-created_at")
    return {call.step_id: call for call in rows.distinct("step_id")}
