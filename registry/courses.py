"""How a version comes in where it comes step by step: what is asked for, agreed to and carried out is one value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from galaxy.core.errors import Invalid
from galaxy.core.models import Workspace
from registry.models import Installation
from registry.models.rollouts import WHOLE

LONGEST_STAGE = 30 * 24  # hours
MOST_STAGES = 8
USUAL = ((5, 24), (25, 24), (100, 24))


@dataclass(frozen=True)
class Course:
    """How it goes: ``stages`` are (per cent, hours), each more than the one before; or the ``packs`` that go first, for
    ``hours`` of the only stage. It stops by itself after ``least_calls`` calls of the new version in a stage, once
    those fail by ``tolerance`` percentage points more than the ones before."""

    stages: Sequence[tuple[int, int]] = USUAL
    packs: Sequence[Installation] = ()
    least_calls: int = 20
    tolerance: int = 2

    def check(self) -> None:
        """Raises Invalid."""
        found: dict[str, str] = {}
        percents = [percent for percent, _ in self.stages]
        if not 1 <= len(self.stages) <= MOST_STAGES:
            found["stages"] = f"Give 1 to {MOST_STAGES} stages."
        elif not self.packs and (
            percents != sorted(set(percents)) or not all(1 <= percent <= WHOLE for percent in percents)
        ):
            found["stages"] = f"Each stage has more than the one before, from 1 to {WHOLE} per cent."
        elif not all(1 <= hours <= LONGEST_STAGE for _, hours in self.stages):
            found["stages"] = f"A stage lasts 1 to {LONGEST_STAGE} hours."
        if not 10 <= self.least_calls <= 10_000:
            found["least_calls"] = "Choose 10 to 10,000 calls."
        if not 0 <= self.tolerance <= 50:
            found["tolerance"] = "Choose 0 to 50 percentage points."
        if found:
            raise Invalid(next(iter(found.values())), found)

    def as_json(self) -> dict[str, Any]:
        """{stages: [{percent, hours}], packs: ids, least_calls, tolerance}; equal for courses that go alike."""
        stages = list(self.stages)
        return {
            "stages": [{"percent": 0, "hours": stages[0][1]}]
            if self.packs
            else [{"percent": percent, "hours": hours} for percent, hours in stages],
            "packs": sorted(str(pack.pk) for pack in self.packs),
            "least_calls": self.least_calls,
            "tolerance": self.tolerance,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any], workspace: Workspace) -> "Course":
        """What ``as_json`` gave. Packs that were removed are among its packs still: a course that lost some would be
        another one."""
        rows = Installation.objects.in_workspace(workspace).filter(pk__in=value["packs"])
        return cls(
            stages=tuple((stage["percent"], stage["hours"]) for stage in value["stages"]),
            packs=tuple(rows.select_related("workspace", "extension").order_by("extension__name")),
            least_calls=value["least_calls"],
            tolerance=value["tolerance"],
        )

    def words(self, before: str, after: str) -> tuple[str, ...]:
        """Sentences on how it goes from the number ``before`` to ``after``, for whoever agrees to it."""
        if self.packs:
            names = ", ".join(pack.extension.name for pack in self.packs)
            goes = f"{names} for {_hours(self.stages[0][1])}"
        else:
            goes = ", then ".join(f"{percent} % of the runs for {_hours(hours)}" for percent, hours in self.stages)
        more = f"{self.tolerance} percentage point{'' if self.tolerance == 1 else 's'}"
        return (
            f"Step by step: {goes}; then everything takes {after}. Whatever is not in a step takes {before}.",
            f"It stops by itself after {self.least_calls} calls of a step, once they fail by {more} more than those of "
            f"{before}, and not by chance. Then somebody who may pin it says how it goes on.",
        )


def _hours(count: int) -> str:
    return f"{count} hour{'' if count == 1 else 's'}"
