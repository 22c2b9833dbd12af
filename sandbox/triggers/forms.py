"""The forms of triggers: what starts, when, with which inputs, and what goes with it."""

import json
from typing import Any
from zoneinfo import available_timezones

from django import forms

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.models import User, Workspace
from registry.manifests.cron import BadCron, check_cron
from registry.manifests.scopes import sentence
from registry.models import Installation
from sandbox.json_input import JSONText
from sandbox.models import Trigger, TriggerFiring
from sandbox.targets import choices
from sandbox.triggers.mapping import resolved_target, scopes_needed
from sandbox.triggers.silence import AS_USUAL
from sandbox.triggers.sources import source_kind

_OFF = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
_MONO = _OFF | {"class": "mono"}
_NOT, _USUAL, _DECLARED = "", "usual", "declared"
_OVERLAPS = [
    ("0", "No more, from now on"),
    ("1", "For an hour more"),
    ("24", "For a day more"),
    ("72", "For three days more"),
]
_SECONDS, _MINUTES = 1_000, 60


class ChoosingForm(forms.Form):
    """The first step: what starts it, and what it starts. Sent by GET, so that the second step is a link."""

    kind = forms.ChoiceField(label="What starts it", widget=forms.RadioSelect)
    target = forms.ChoiceField(label="What it starts")
    made_from = forms.ChoiceField(
        required=False,
        label="Made from",
        help_text="An installed trigger gives its source, its sample event and the data classes it declares.",
    )

    def __init__(self, data=None, *, workspace: Workspace, user: User, made_from: str = ""):
        """``made_from`` is what a link begins with: the id of an installed trigger."""
        self.sources = installed_triggers(workspace, user)
        begun = next((one for one in self.sources if str(one.pk) == made_from), None)
        kind = source_kind(begun) if begun else Trigger.Kind.WEBHOOK
        super().__init__(data, initial={"kind": kind, "made_from": made_from if begun else ""})
        self.fields["kind"].choices = [  # type: ignore[attr-defined]
            (Trigger.Kind.WEBHOOK, "Something comes in (webhook)"),
            (Trigger.Kind.SCHEDULE, "It is time (schedule)"),
        ]
        found = choices(workspace, user)
        self.targets = [(one.target, f"{one.name} ({one.target})") for one in found]
        self.fields["target"].choices = self.targets  # type: ignore[attr-defined]
        self.fields["made_from"].choices = [  # type: ignore[attr-defined]
            ("", "Nothing"), *((str(one.pk), one.extension.name) for one in self.sources)
        ]  # fmt: skip
        if not self.sources:
            del self.fields["made_from"]
        for name in ("target", "made_from"):
            if name in self.fields:
                self.fields[name].widget.attrs["class"] = "select"

    def clean(self):
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.source and source_kind(self.source) != data.get("kind"):
            self.add_error("made_from", f"{self.source.extension.name} is a {source_kind(self.source)}.")
        return data

    @property
    def source(self) -> Installation | None:
        chosen = self.cleaned_data.get("made_from")
        return next((one for one in self.sources if str(one.pk) == chosen), None)


class TriggerForm(forms.Form):
    """The second step, and changing one. A field for each input of the target, named ``input-…``."""

    name = forms.CharField(
        max_length=80, label="Name", error_messages={"required": "Give it a name that says what it is for."}
    )
    slug = forms.CharField(
        max_length=40,
        required=False,
        label="Short name",
        help_text="By which rules name it: new-orders. Made of the name where you leave it empty.",
        widget=forms.TextInput(attrs=_MONO),
    )
    purpose = forms.CharField(
        max_length=300, required=False, label="Purpose", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What it is for, in a sentence that an approver can judge its calls by.",
    )  # fmt: skip
    scopes = forms.MultipleChoiceField(required=False, label="Scopes", widget=forms.CheckboxSelectMultiple)
    simulates = forms.BooleanField(required=False, label="Only ever simulate what it starts")

    signature = forms.ChoiceField(label="Signed by", choices=Trigger.Signature.choices, widget=forms.RadioSelect)
    header = forms.CharField(
        max_length=64,
        required=False,
        label="Header of the signature",
        help_text="Only with HMAC-SHA256 in one header, such as X-Hub-Signature-256.",
        widget=forms.TextInput(attrs=_MONO),
    )
    secret = forms.CharField(
        max_length=300,
        required=False,
        label="The sender’s own secret",
        help_text="Where it gives one. Left empty, Galaxy makes one and shows it once.",
        widget=forms.PasswordInput(attrs=_OFF | {"autocomplete": "new-password"}),
    )
    per_minute = forms.IntegerField(min_value=1, max_value=10_000, label="Deliveries a minute, at most")
    sample = JSONText(
        required=False, label="A sample event", help_text="The body of a delivery, to try the expressions with."
    )
    quiet_s = forms.FloatField(
        min_value=0, max_value=3600, required=False, label="Quiet time (seconds)",
        help_text="Events wait until nothing has come for so long, and start one run. 0: each starts its own.",
    )  # fmt: skip
    longest_s = forms.FloatField(
        min_value=0, max_value=3600, required=False, label="Longest wait (seconds)",
        help_text="Then it starts whatever still comes. An hour where you leave it empty.",
    )  # fmt: skip
    debounce_key = forms.CharField(
        max_length=500, required=False, label="What belongs together",
        help_text="Such as event.body.order_id. All events do, where you leave it empty.",
        widget=forms.TextInput(attrs=_MONO),
    )  # fmt: skip
    uses = forms.ChoiceField(label="The run gets", choices=Trigger.Uses.choices)
    watched = forms.ChoiceField(
        required=False,
        label="Silence",
        choices=[
            (_NOT, "Is not watched"),
            (_USUAL, "Told by how often it came so far"),
            (_DECLARED, "Told by the time"),
        ],
    )
    every_min = forms.IntegerField(
        min_value=1, max_value=43_200, required=False, label="Something comes every (minutes)",
        help_text="Nothing for twice as long opens an issue.",
    )  # fmt: skip
    poll_target = forms.ChoiceField(
        required=False, label="Called meanwhile", help_text="Something that takes no inputs and reads, once each time."
    )

    cron = forms.CharField(
        max_length=100, label="Times", error_messages={"required": "Say when: 0 8 * * 1 is Mondays at 8."},
        help_text="Minute, hour, day, month, day of the week: 0 8 * * 1 is Mondays at 8.",
        widget=forms.TextInput(attrs=_MONO | {"placeholder": "0 8 * * 1"}),
    )  # fmt: skip
    zone = forms.CharField(
        max_length=60,
        label="Time zone",
        widget=forms.TextInput(attrs={"list": "zones", "placeholder": "Europe/Berlin"}),
    )

    of_webhook = (
        "signature", "header", "secret", "per_minute", "sample", "quiet_s", "longest_s", "debounce_key", "uses",
        "watched", "every_min", "poll_target",
    )  # fmt: skip
    of_schedule = ("cron", "zone")

    def __init__(self, data=None, *, trigger: Trigger, user: User, initial: dict[str, Any] | None = None):
        """``trigger`` is the one to change, or an unsaved one with workspace, kind and target."""
        self.is_new = trigger._state.adding
        super().__init__(data, initial=(initial or {}) | ({} if self.is_new else initial_of(trigger)))
        self.trigger = trigger
        found = resolved_target(trigger.workspace, trigger.target)
        self.schema = (found.action or found.manifest).inputs
        self._inputs()
        needed = scopes_needed(trigger.workspace, found)
        kept = [] if self.is_new else trigger.scopes
        offered = sorted({*needed, *kept})
        self.fields["scopes"].choices = [(one, f"{sentence(one)} ({one})") for one in offered]  # type: ignore[attr-defined]
        self.initial.setdefault("scopes", list(needed))
        for name in self.of_schedule if trigger.is_webhook else self.of_webhook:
            del self.fields[name]
        if not self.is_new and trigger.is_webhook:
            del self.fields["secret"]  # changed on the page of the trigger alone, with an overlap
        if trigger.is_webhook:
            called = [(one.target, f"{one.name} ({one.target})") for one in choices(trigger.workspace, user)]
            self.fields["poll_target"].choices = [("", "Nothing"), *called]  # type: ignore[attr-defined]
        for name in ("uses", "watched", "poll_target"):
            if name in self.fields:
                self.fields[name].widget.attrs["class"] = "select"

    def clean_cron(self) -> str:
        try:
            check_cron(self.cleaned_data["cron"])
        except BadCron as error:
            raise forms.ValidationError(str(error)) from error
        return self.cleaned_data["cron"]

    def _inputs(self) -> None:
        required, said = self.schema.get("required", ()), self.initial.get("inputs", {})
        properties = self.schema.get("properties", {})
        names = list(dict.fromkeys([*properties, *said]))
        self.input_names = sorted(names, key=lambda name: name not in required)
        for name in self.input_names:
            placeholder = {"placeholder": f"event.body.{name}"} if self.trigger.is_webhook else {}
            where = "Write it in quotes, such as 'news', or as an expression."
            if self.trigger.is_webhook:
                where = f"Say where in the event it is, such as event.body.{name}."
            field = forms.CharField(
                max_length=1000,
                required=name in required,
                error_messages={"required": f"It is needed. {where}"},
                label=name,
                help_text=str(properties[name].get("description", "")) if name in properties else "",
                initial=said.get(name, ""),
                widget=forms.TextInput(attrs=_MONO | placeholder),
            )
            self.fields[f"input-{name}"] = field

    @property
    def open(self) -> dict[str, bool]:
        """Which of the parts that can be folded stand open: where something is said, or wrong."""
        parts = {"bounce": ("quiet_s", "longest_s", "debounce_key"), "silence": ("watched", "every_min", "poll_target")}
        said = {
            name: self[name].value() not in (None, "", 0, 0.0, "0") or bool(self[name].errors)
            for names in parts.values()
            for name in names
            if name in self.fields
        }
        return {part: any(said.get(name, False) for name in names) for part, names in parts.items()}

    @property
    def zones(self) -> list[str]:
        return sorted(available_timezones()) if "zone" in self.fields else []

    @property
    def input_fields(self) -> list[forms.BoundField]:
        return [self[f"input-{name}"] for name in self.input_names]

    @property
    def values(self) -> dict[str, Any]:
        """What the services take, once the form is valid."""
        data = self.cleaned_data
        found = {name: data[name] for name in ("name", "slug", "purpose", "scopes", "simulates")}
        found["target"] = self.trigger.target
        found["inputs"] = {name: text for name in self.input_names if (text := data[f"input-{name}"].strip())}
        if not self.trigger.is_webhook:
            return found | {name: data[name] for name in self.of_schedule} | {"sample": {}}
        every = {_NOT: None, _USUAL: AS_USUAL, _DECLARED: (data["every_min"] or 0) * _MINUTES}[data["watched"]]
        return found | {
            "signature": data["signature"],
            "header": data["header"].strip(),
            "per_minute": data["per_minute"],
            "sample": {} if data["sample"] is None else data["sample"],
            "quiet_ms": round((data["quiet_s"] or 0) * _SECONDS),
            "longest_ms": round((data["longest_s"] or 0) * _SECONDS),
            "debounce_key": data["debounce_key"].strip(),
            "uses": data["uses"],
            "every_s": every,
            "poll_target": data["poll_target"],
        }

    def clean(self):
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("watched") == _DECLARED and not data.get("every_min"):
            self.add_error("every_min", "Say how often something comes.")
        return data

    def refuse(self, error: Invalid) -> None:
        """Put a refusal of the services beside the fields it is about."""
        names = {"quiet_ms": "quiet_s", "longest_ms": "longest_s", "every_s": "every_min"}
        fields = {names.get(name, name.replace("inputs.", "input-", 1)): said for name, said in error.fields.items()}
        known = {name: said for name, said in fields.items() if name in self.fields}
        add_refusals(self, type(error)(str(error), known))


class RotationForm(forms.Form):
    """Another secret, and how long the one before goes on."""

    overlap_h = forms.TypedChoiceField(
        coerce=int, choices=_OVERLAPS, initial="24", label="The old secret signs",
        widget=forms.Select(attrs={"class": "select"}),
    )  # fmt: skip
    secret = forms.CharField(
        max_length=300,
        required=False,
        label="The sender’s own secret",
        help_text="Where it gives one.",
        widget=forms.PasswordInput(attrs=_OFF | {"autocomplete": "new-password"}),
    )


class OffForm(forms.Form):
    reason = forms.CharField(max_length=300, label="Why", widget=forms.Textarea(attrs={"rows": 2}))


class DeliveryFilterForm(forms.Form):
    """Filters of the deliveries of a webhook, all optional; sent by GET."""

    id = forms.CharField(required=False, max_length=255, label="Id", widget=forms.TextInput(attrs={"type": "search"}))
    became = forms.ChoiceField(
        required=False,
        label="What became of it",
        choices=[("", "Anything"), *TriggerFiring.State.choices, ("merged", "Merged into another")],
        widget=forms.Select(attrs={"class": "select"}),
    )

    def apply(self, deliveries):
        data = self.cleaned_data
        if data["id"]:
            deliveries = deliveries.filter(event_id__icontains=data["id"])
        if data["became"] == "merged":
            return deliveries.filter(was_merged=True)
        return deliveries.filter(firing__state=data["became"]) if data["became"] else deliveries


def installed_triggers(workspace: Workspace, user: User) -> list[Installation]:
    """Installed extensions of kind trigger that ``user`` sees, by name."""
    rows = Installation.objects.in_workspace(workspace).active().visible_to(user).filter(extension__kind="trigger")
    rows = rows.exclude(pin=None).select_related("extension", "pin__version")
    return list(rows.order_by("extension__name"))


def initial_of(trigger: Trigger) -> dict[str, Any]:
    """A stored trigger as the form's first values."""
    names = ("name", "slug", "purpose", "scopes", "simulates", "signature", "header", "per_minute", "debounce_key")
    found = {name: getattr(trigger, name) for name in (*names, "uses", "poll_target", "cron", "zone", "inputs")}
    found["quiet_s"], found["longest_s"] = _seconds(trigger.quiet_ms), _seconds(trigger.longest_ms)
    found["watched"] = _NOT if trigger.every_s is None else _USUAL if trigger.every_s == AS_USUAL else _DECLARED
    found["every_min"] = trigger.every_s // _MINUTES if trigger.every_s else None
    return found | {"sample": _as_text(trigger.sample)}


def initial_new(kind: str, source: Installation | None, required: list[str]) -> dict[str, Any]:
    """The first values of a new one: the usual ones, those that an installed trigger declares on top."""
    found: dict[str, Any] = {
        "signature": Trigger.Signature.STANDARD,
        "per_minute": 600,
        "uses": Trigger.Uses.LAST,
        "zone": "UTC",
        "quiet_s": 0,
        "inputs": {name: f"event.body.{name}" for name in required} if kind == Trigger.Kind.WEBHOOK else {},
    }
    if source is None:
        return found
    manifest = source.pin.version.parsed
    declared = manifest.canonical.get("source", {})
    if declared.get("type") != kind:
        return found
    taken = {name: declared[name] for name in ("signature", "header", "cron") if name in declared}
    if "timezone" in declared:
        taken["zone"] = declared["timezone"]
    if "debounce_ms" in declared:
        taken["quiet_s"] = _seconds(declared["debounce_ms"])
    sample = sample_of(manifest.canonical)
    return found | taken | {"name": manifest.name, "purpose": manifest.summary, "sample": _as_text(sample)}


def sample_of(canonical: dict[str, Any]) -> Any:
    """The event of the first fixture that holds one; {} where none does."""
    fixtures = canonical.get("fixtures", {})
    for name in sorted(fixtures, key=lambda one: one != "happy"):
        for part in ("body", "outputs", "inputs"):
            if part in fixtures[name]:
                return fixtures[name][part]
    return {}


def _seconds(milliseconds: int) -> float | int:
    """3 and not 3.0, as people write it."""
    whole, rest = divmod(milliseconds, _SECONDS)
    return milliseconds / _SECONDS if rest else whole


def _as_text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value not in ({}, None) else ""
