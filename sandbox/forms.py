"""Forms of the run pages: the filters of the list, and what a run is started with."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone

from sandbox.metrics.rows import FigureFields, ended_runs, held_runs, in_words
from sandbox.models import Category, Counts, Run
from sandbox.schema_fields import WHOLE, Input, inputs_of, typed

KINDS = [("action", "Action"), ("transform", "Transform"), ("pack", "Pack")]
WEEK = "week"
ANY, PEOPLE = "*", "-"  # which no trigger is called
COUNTED = "counted"  # every call that an objective counts, whatever became of it
PERIODS = {"1": ("Last 24 hours", 1), "7": ("Last 7 days", 7), "30": ("Last 30 days", 30)}


class RunFilterForm(FigureFields):
    """Filters of the list, all optional; sent by GET, so that every view of it is a link."""

    target = forms.CharField(
        required=False, max_length=160, label="Target", widget=forms.TextInput(attrs={"type": "search"})
    )
    state = forms.ChoiceField(required=False, label="State", choices=[("", "Any state"), *Run.State.choices])
    mode = forms.ChoiceField(required=False, label="Mode", choices=[("", "Any mode"), *Run.Mode.choices])
    kind = forms.ChoiceField(required=False, label="Kind", choices=[("", "Any kind"), *KINDS])
    outcome = forms.ChoiceField(
        required=False,
        label="Outcome",
        choices=[("", "Any outcome"), ("reached", "Reached"), ("missed", "Not reached")],
    )
    when = forms.ChoiceField(
        required=False,
        label="When",
        choices=[("", "Any time"), (WEEK, "This week"), *((key, label) for key, (label, _) in PERIODS.items())],
    )

    trigger = forms.ChoiceField(required=False, label="Started by")

    # What the links of a figure say, so that exactly its runs are listed; people do not choose these by hand.
    installation = forms.UUIDField(required=False, label="Extension", widget=forms.HiddenInput)
    connection = forms.UUIDField(required=False, label="Connection", widget=forms.HiddenInput)
    action = forms.CharField(required=False, max_length=160, label="Action", widget=forms.HiddenInput)
    counts = forms.ChoiceField(
        required=False, label="Counts as", choices=[("", ""), (COUNTED, ""), *Counts.choices], widget=forms.HiddenInput
    )
    category = forms.ChoiceField(
        required=False, label="Error", choices=[("", ""), *Category.choices], widget=forms.HiddenInput
    )
    checks = forms.BooleanField(required=False, label="Health checks", widget=forms.HiddenInput)

    def __init__(self, *args, triggers: Mapping[str, str] = MappingProxyType({}), **options):
        """``triggers`` are those of the workspace, {slug: name}; without any there is no such filter."""
        super().__init__(*args, **options)
        if triggers:
            chosen = [("", "Anybody"), (PEOPLE, "People and agents"), (ANY, "Any trigger"), *triggers.items()]
            self.fields["trigger"].choices = chosen  # type: ignore[attr-defined]
        else:
            del self.fields["trigger"]
        for field in self.selects:
            field.field.widget.attrs["class"] = "select"

    def list_from(self, visible):
        """The runs of ``visible`` (a Run queryset) that the list is about, under the filters given.

        Behind a figure of health stand the calls that count, steps of packs among them; behind one of the dashboard
        whatever roll-ups count; else what somebody asked for.
        """
        if not self.is_behind:
            return self.apply(visible.top_level())
        data = self.cleaned_data
        if data["held"]:
            return self.apply(held_runs(visible))
        if data["ended"]:
            return self.apply(ended_runs(visible, data))
        runs = visible.filter(is_check=True) if data["checks"] else visible.counted()
        fields = {
            "installation": data["installation"],
            "connection": data["connection"],
            "target": data["action"],
            "counts_as__in": [Counts.GOOD, Counts.BAD] if data["counts"] == COUNTED else [data["counts"]],
            "error_category": data["category"],
        }
        if not data["counts"]:
            del fields["counts_as__in"]
        return self.apply(runs.filter(**{name: value for name, value in fields.items() if value}))

    @property
    def is_behind(self) -> bool:
        """Whether the list is that of the runs behind a figure."""
        return any(self.cleaned_data[field.name] for field in self.hidden_fields())

    @property
    def behind(self) -> str:
        """What the list holds then: "Live calls of hubspot.create_task that failed, rate limit."."""
        data = self.cleaned_data
        if data["held"] or data["ended"]:
            return in_words(data)
        if data["checks"]:
            return "Health checks."
        ending = {"": "that are over", COUNTED: "that count", Counts.GOOD: "that succeeded", Counts.BAD: "that failed"}
        words = f"Live calls{' of ' + data['action'] if data['action'] else ''} "
        words += ending.get(data["counts"], "that failed by a mistake of whoever called")
        return f"{words}, {Category(data['category']).label.lower()}." if data["category"] else f"{words}."

    def apply(self, runs):
        """``runs`` (a Run queryset) under the filters given. With an outcome, "when" is when that was settled."""
        data = self.cleaned_data
        started = data.get("trigger")
        if started in (ANY, PEOPLE):
            runs = runs.filter(trigger__isnull=started == PEOPLE)
        elif started:
            runs = runs.filter(trigger__slug=started, trigger__removed_at=None)
        if data["target"]:
            runs = runs.filter(target__icontains=data["target"])
        for name in ("state", "mode", "kind"):
            if data[name]:
                runs = runs.filter(**{name: data[name]})
        if data["outcome"]:
            runs = runs.filter(outcome__is_success=data["outcome"] == "reached")
        if data["when"]:
            moment = "outcome__reached_at" if data["outcome"] else "created_at"
            runs = runs.filter(Q(**{f"{moment}__gte": start_of(data["when"])}))
        return runs

    @property
    def selects(self) -> list[forms.BoundField]:
        return [self[name] for name in ("state", "mode", "kind", "outcome", "when")]

    @property
    def words(self) -> str:
        """The filters as a sentence says them: "state Failed, kind Pack"."""
        hidden = {field.name for field in self.hidden_fields()}
        named = ((name, value) for name, value in self.cleaned_data.items() if value and name not in hidden)
        given = ((self.fields[name], value) for name, value in named)
        return ", ".join(
            f"{str(field.label).lower()} {dict(getattr(field, 'choices', ())).get(value, value)}"
            for field, value in given
        )


def start_of(period: str, now=None):
    """When ``period`` (a value of the filter "when") began. A week begins on Monday, 00:00 UTC."""
    now = now or timezone.now()
    if period == WEEK:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=midnight.weekday())
    return now - timedelta(days=PERIODS[period][1])


class SettlementForm(forms.Form):
    """What became of a run whose effect is unknown, and how one knows."""

    happened = forms.ChoiceField(
        label="What became of it?",
        choices=[("yes", "It took effect"), ("no", "It had no effect")],
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label="How do you know?",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept in the audit trail, such as where you looked.",
    )


DRY = "dry"  # no mode of its own: what reads is live, what writes is simulated


class RunForm(forms.Form):
    """What a run is started with: its inputs by their schema, the sample that answers, and a key made per form.

    The key makes a double click one run. ``mode`` is the button that was pressed. For a pack each of its ``steps`` that
    answers with samples may have one of its own, and it may pause after each.
    """

    mode = forms.ChoiceField(choices=[*Run.Mode.choices, (DRY, "Dry run")], required=False)
    scenario = forms.ChoiceField(
        choices=Run.Scenario.choices,
        label="Answer with the sample",
        help_text="A simulated run answers with samples, so failures can be tried too.",
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput(attrs={"autocomplete": "off"}))

    def __init__(
        self,
        data=None,
        *,
        schema: dict[str, Any],
        sample: dict[str, Any] | None = None,
        scenario: str | None = "",
        steps: Sequence[tuple[str, str]] = (),
    ):
        """``scenario`` is the sample chosen at first; None where nothing answers with samples. ``steps`` are
        pairs of the id of a pack's step and what it calls."""
        first = {"scenario": scenario or Run.Scenario.HAPPY, "idempotency_key": uuid.uuid4()}
        super().__init__(data, initial=first)
        if scenario is None:
            del self.fields["scenario"]
        self._steps = [id for id, _ in steps]
        for id, use in steps:
            self.fields[f"sample_{id}"] = forms.ChoiceField(
                required=False,
                choices=[("", "As above"), *Run.Scenario.choices],
                label=f"{id}, {use}",
                widget=forms.Select(attrs={"class": "select"}),
            )
        if steps:
            self.fields["stepwise"] = forms.BooleanField(
                required=False, label="Pause after each step when simulated", help_text="It goes on when you say so."
            )
        self._names: dict[str, Input] = {}
        for at, item in enumerate(inputs_of(schema)):
            name = f"in_{item.name}" if item.name.isidentifier() else f"in_{at}"
            self._names[name] = item
            self.fields[name] = item.field
            if item.name == WHOLE and sample:
                item.field.initial = typed(item.field, sample)
            elif sample and sample.get(item.name) is not None:
                item.field.initial = typed(item.field, sample[item.name])

    @property
    def input_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self._names]

    @property
    def step_fields(self) -> list[forms.BoundField]:
        return [self[f"sample_{id}"] for id in self._steps]

    @property
    def scenarios(self) -> dict[str, str]:
        """The samples of single steps, by their ids."""
        chosen = {id: self.cleaned_data.get(f"sample_{id}", "") for id in self._steps}
        return {id: sample for id, sample in chosen.items() if sample}

    @property
    def inputs(self) -> dict[str, Any]:
        """The values for the gate; what was left empty is left out."""
        given = {item.name: self.cleaned_data.get(name) for name, item in self._names.items()}
        if WHOLE in given:
            return given[WHOLE] or {}
        return {name: value for name, value in given.items() if value is not None}

    def add_refusals(self, sentence: str, fields: dict[str, str]) -> None:
        """Put what the gate refused beside the fields; ``fields`` maps a property or a path in it to its sentence."""
        by_property = {item.name: name for name, item in self._names.items()}
        strays = []
        for path, why in fields.items():
            name = by_property.get(path.lstrip("/").replace("/", ".").partition(".")[0], by_property.get(WHOLE))
            if name:
                self.add_error(name, why)
            else:
                strays.append(f"{path}: {why}" if path else why)
        for why in strays or ([] if fields else [sentence]):
            self.add_error(None, why)
