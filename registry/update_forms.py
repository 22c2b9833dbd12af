"""Forms about updates: shape and plain validation of what people type."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms

from registry.courses import MOST_STAGES, USUAL, Course
from registry.models import Installation, UpdateDefaults, UpdatePolicy, UpdateSettings, Version
from registry.models.rollouts import WHOLE
from registry.models.updates import LONGEST_WAIT
from registry.updates.rules import WAITS
from registry.updates.windows import DAYS

AS_WORKSPACE = "As the workspace says"
_TIME = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


def _days(label: str, help_text: str = "") -> forms.IntegerField:
    return forms.IntegerField(required=False, min_value=0, max_value=LONGEST_WAIT, label=label, help_text=help_text)


class WindowForm(forms.Form):
    """Fields of a window, which reads and writes weekdays as bits."""

    days = forms.MultipleChoiceField(
        required=False,
        label="Days",
        choices=[(str(bit), name) for bit, name in enumerate(DAYS)],
        widget=forms.CheckboxSelectMultiple,
    )
    opens_at = forms.TimeField(required=False, label="From", widget=_TIME)
    closes_at = forms.TimeField(
        required=False,
        label="To",
        widget=_TIME,
        help_text="The same as from: all day. Earlier: on the next day.",
    )
    time_zone = forms.ChoiceField(
        required=False,
        label="Time zone",
        choices=[("", "Choose one"), *((name, name) for name in sorted(available_timezones()))],
    )

    @staticmethod
    def initial_of(row: UpdateDefaults | UpdateSettings) -> dict[str, Any]:
        bits = row.weekdays or 0
        return {
            "days": [str(bit) for bit in range(len(DAYS)) if bits & 1 << bit],
            "opens_at": row.opens_at,
            "closes_at": row.closes_at,
            "time_zone": row.time_zone,
        }

    @property
    def window_values(self) -> dict[str, Any]:
        said = self.cleaned_data
        return {
            "weekdays": sum(1 << int(bit) for bit in said["days"]),
            "opens_at": said["opens_at"],
            "closes_at": said["closes_at"],
            "time_zone": said["time_zone"],
        }


class DefaultsForm(WindowForm):
    """The workspace's own rules."""

    policy = forms.ChoiceField(label="How far", choices=UpdatePolicy.choices, widget=forms.RadioSelect)
    takes_code = forms.BooleanField(
        required=False,
        label="Take new code without its new scopes",
        help_text="Where they can stay off and nothing that runs now needs them. What needs them is blocked.",
    )
    wait_community = _days("Community (days)")
    wait_verified = _days("Verified (days)")
    wait_enterprise = _days("Enterprise (days)")
    wait_own = _days("Your own (days)")

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for name in ("opens_at", "closes_at", "time_zone", *WAITS):
            self.fields[name].required = True

    @classmethod
    def of(cls, row: UpdateDefaults, data: Any = None) -> "DefaultsForm":
        names = ("policy", "takes_code", *WAITS)
        return cls(data, initial={name: getattr(row, name) for name in names} | cls.initial_of(row))

    @property
    def values(self) -> dict[str, Any]:
        said = self.cleaned_data
        return {name: said[name] for name in ("policy", "takes_code", *WAITS)} | self.window_values


class SettingsForm(WindowForm):
    """What one installation says for itself."""

    policy = forms.ChoiceField(required=False, label="How far", choices=[("", AS_WORKSPACE), *UpdatePolicy.choices])
    own_window = forms.ChoiceField(
        required=False,
        label="Window",
        choices=[("", AS_WORKSPACE), ("own", "Hours of its own")],
        help_text="The hours below count where it has its own.",
    )
    waiting_days = _days("Waiting days", "Empty: as the workspace says for its level.")
    takes_code = forms.ChoiceField(
        required=False,
        label="New code without its new scopes",
        choices=[("", AS_WORKSPACE), ("yes", "Take it"), ("no", "Wait for consent")],
    )

    @classmethod
    def of(cls, row: UpdateSettings | None, defaults: UpdateDefaults, data: Any = None) -> "SettingsForm":
        has_own = row is not None and row.weekdays is not None
        code = {True: "yes", False: "no"}.get(row.takes_code) if row and row.takes_code is not None else ""
        initial = {
            "policy": row.policy if row else "",
            "own_window": "own" if has_own else "",
            "waiting_days": row.waiting_days if row else None,
            "takes_code": code,
        }
        return cls(data, initial=initial | cls.initial_of(row if row and has_own else defaults))

    @property
    def values(self) -> dict[str, Any]:
        said = self.cleaned_data
        window = self.window_values if said["own_window"] else NO_WINDOW
        takes_code = {"yes": True, "no": False}.get(said["takes_code"])
        return {"policy": said["policy"], "waiting_days": said["waiting_days"], "takes_code": takes_code} | window


NO_WINDOW: dict[str, Any] = {"weekdays": None, "opens_at": None, "closes_at": None, "time_zone": ""}


class MomentField(forms.DateTimeField):
    """A date and time as a browser sends it, in UTC."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def clean(self, value: Any) -> datetime | None:
        found = super().clean(value)
        return found.replace(tzinfo=UTC) if found else None


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=300, label="Reason", widget=forms.Textarea(attrs={"rows": 2}))


class HoldForm(ReasonForm):
    until = MomentField(required=False, label="Until (UTC)", help_text="Empty: until somebody lets it go.")
    field_order = ("reason", "until")


class ScheduleForm(forms.Form):
    """When, by the clocks of a zone that the person chose."""

    at = forms.DateTimeField(
        label="When", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    zone = forms.ChoiceField(
        label="Time zone", choices=[(name, name) for name in sorted(available_timezones())], initial="UTC"
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("at") and said.get("zone"):
            said["moment"] = said["at"].replace(tzinfo=ZoneInfo(said["zone"])).astimezone(UTC)
        return said


class PackPinForm(ReasonForm):
    """Which pack is pinned to which version."""

    pack = forms.ModelChoiceField(Installation.objects.none(), label="Pack", empty_label="Choose one")
    version = forms.ModelChoiceField(
        Version.objects.none(), label="Version", empty_label="Choose one", to_field_name="digest"
    )
    field_order = ("pack", "version", "reason")

    def __init__(self, *args, packs, versions, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["pack"].queryset = packs
        self.fields["version"].queryset = versions
        self.fields["version"].label_from_instance = lambda one: one.number


class RollOutForm(forms.Form):
    """How a version is rolled out: stages as lines of "per cent, hours", or packs."""

    way = forms.ChoiceField(
        label="Who goes first",
        choices=[("percent", "A share of the runs"), ("packs", "Some packs")],
        widget=forms.RadioSelect,
        initial="percent",
    )
    stages = forms.CharField(
        label="Stages",
        initial="\n".join(f"{percent} % for {hours} h" for percent, hours in USUAL),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=f"A line each, such as “25 % for 24 h”; at most {MOST_STAGES}, each with more than the one before.",
    )
    packs = forms.ModelMultipleChoiceField(
        Installation.objects.none(), required=False, label="Packs", widget=forms.CheckboxSelectMultiple
    )
    hours = forms.IntegerField(
        required=False, min_value=1, max_value=720, initial=24, label="Hours until all follow", help_text="For packs."
    )
    least_calls = forms.IntegerField(
        min_value=10, max_value=10_000, initial=20, label="Calls before it is judged", help_text="Of each stage."
    )
    tolerance = forms.IntegerField(
        min_value=0,
        max_value=50,
        initial=2,
        label="Percentage points it may fail more",
        help_text="Once it fails by more than that, and not by chance, it stops by itself.",
    )

    def __init__(self, *args, packs, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["packs"].queryset = packs
        if not packs.exists():  # nothing to choose from is no choice
            self.fields["way"].choices = [("percent", "A share of the runs")]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("way") == "packs" and not said.get("packs"):
            self.add_error("packs", "Choose at least one pack.")
        if said.get("way") == "packs" and not said.get("hours"):
            self.add_error("hours", "Say for how many hours.")
        if said.get("way") == "percent" and not self.errors:
            said["parsed"] = self._stages(said.get("stages", ""))
        return said

    def _stages(self, text: str) -> list[tuple[int, int]]:
        found = []
        for line in filter(None, map(str.strip, text.splitlines()[: MOST_STAGES + 1])):
            numbers = [int(word) for word in line.replace("%", " ").split() if word.isdecimal() and len(word) < 6]
            if len(numbers) != 2:
                self.add_error("stages", f"“{line:.40}” is not of the form “25 % for 24 h”.")
                return []
            found.append((numbers[0], numbers[1]))
        return found

    @property
    def course(self) -> Course:
        said = self.cleaned_data
        rule = {"least_calls": said["least_calls"], "tolerance": said["tolerance"]}
        if said["way"] == "packs":
            return Course(stages=((WHOLE, said["hours"]),), packs=tuple(said["packs"]), **rule)
        return Course(stages=tuple(said["parsed"]), **rule)
