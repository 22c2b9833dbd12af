"""Forms of floor 0: shape and plain validation of what people type."""

from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import available_timezones

from django import forms
from django.db.models import Exists, OuterRef
from django.utils import timezone

from galaxy.core.audit.reading import in_words
from galaxy.core.db import lookups  # noqa: F401  (registers ``prefix``)
from galaxy.core.models import Agent, AuditDetail, AuditEvent, Membership, User, Workspace
from galaxy.core.notifications.kinds import kinds
from galaxy.core.notifications.mailing import mailed_kinds


@cache
def time_zones() -> frozenset[str]:
    """Names of places such as ``Europe/Berlin``, and UTC; aliases and technical names are left out."""
    areas = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    return frozenset({"UTC"} | {name for name in available_timezones() if name.partition("/")[0] in areas})


class SomeOrNoneField(forms.MultipleChoiceField):
    """Some of a few, or none: a form that shows it also sends "", since boxes that are off send nothing at all."""

    widget = forms.CheckboxSelectMultiple

    def to_python(self, value):
        return [one for one in super().to_python(value) if one]


class PreferencesForm(forms.ModelForm):
    """What a person likes; of what is sent, only the fields that are there change."""

    mail_kinds = SomeOrNoneField(
        required=False, choices=lambda: [(kind.name, kind.label) for kind in kinds()], label="By mail"
    )
    time_zone = forms.ChoiceField(choices=lambda: [(name, name.replace("_", " ")) for name in sorted(time_zones())])

    class Meta:
        model = User
        fields = ["theme", "density", "letters", "time_zone"]
        widgets = dict.fromkeys(("theme", "density", "letters"), forms.RadioSelect)

    def __init__(self, data=None, **kwargs):
        super().__init__(data, **kwargs)
        self.initial["mail_kinds"] = mailed_kinds(self.instance)
        for name in set(self.fields) - set(data) if data is not None else ():
            del self.fields[name]

    def save(self, commit=True):
        if "mail_kinds" in self.cleaned_data:
            chosen = self.cleaned_data["mail_kinds"]
            self.instance.mail_choices = {kind.name: kind.name in chosen for kind in kinds()}
        return super().save(commit)


class WorkspaceSettingsForm(forms.Form):
    requires_second_factor = forms.TypedChoiceField(
        choices=[("true", "Yes"), ("false", "No")], coerce=lambda word: word == "true"
    )


class AuditFilterForm(forms.Form):
    """Filters of the trail, all optional; the form is sent by GET, so that every view of it is a link.

    ``actions`` are those that occur; one filters by an action or by all of its subject (``approval.``). Each filter
    has an index behind it.
    """

    q = forms.CharField(required=False, max_length=200, label="Object begins with")
    actor = forms.CharField(required=False, max_length=120, label="Actor's name or id")
    action = forms.CharField(required=False, max_length=63, label="Event")
    actor_kind = forms.ChoiceField(
        required=False, choices=[("", "Any actor"), *AuditEvent.ActorKind.choices], label="Kind of actor"
    )
    mode = forms.ChoiceField(
        required=False, choices=[("", "Any mode"), ("live", "Live"), ("simulated", "Simulated")], label="Mode"
    )
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    request_id = forms.CharField(required=False, max_length=64, label="Request id")
    target = forms.CharField(required=False, max_length=64, label="Object id")

    def __init__(self, data, *, actions: list[str]):
        super().__init__(data)
        self.fields["action"].widget = forms.Select(choices=_action_choices(actions))

    def clean(self):
        data = super().clean() or {}
        if data.get("since") and data.get("until") and data["until"] < data["since"]:
            self.add_error("until", "This is before the first day.")
        return data

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, as plain text by name."""
        return {name: str(value) for name, value in self.cleaned_data.items() if value}

    @property
    def more(self) -> list:
        """The fields that stand folded away until one of them is used."""
        return [self[name] for name in ("since", "until", "request_id", "target")]

    @property
    def is_more_used(self) -> bool:
        return any(self.data.get(field.name) for field in self.more)

    def apply(self, workspace: Workspace):
        """The events of ``workspace`` under the filters given."""
        events = AuditEvent.objects.in_workspace(workspace)
        data = self.cleaned_data
        if data["q"]:
            named = AuditDetail.objects.filter(
                workspace=OuterRef("workspace"), event_id=OuterRef("pk"), target_label__prefix=data["q"]
            )
            events = events.filter(Exists(named))
        if data["actor"]:
            events = events.filter(actor_id__in=_actors_named(data["actor"], workspace))
        if data["action"]:
            events = events.filter(action__prefix=data["action"])
        if data["actor_kind"]:
            events = events.filter(actor_kind=data["actor_kind"])
        if data["mode"]:
            events = events.filter(simulated=data["mode"] == "simulated")
        if data["since"]:
            events = events.filter(occurred_at__gte=_start_of(data["since"]))
        if data["until"]:
            events = events.filter(occurred_at__lt=_start_of(data["until"]) + timedelta(days=1))
        if data["request_id"]:
            events = events.filter(request_id=data["request_id"])
        if data["target"]:
            events = events.filter(target_id=data["target"])
        return events


def _actors_named(words: str, workspace: Workspace) -> list[str]:
    """Ids of the actors whose name contains ``words`` (members, agents, Galaxy itself), or whose id that is."""
    members = Membership.objects.in_workspace(workspace).filter(user__name__icontains=words)
    agents = Agent.objects.in_workspace(workspace).filter(name__icontains=words)
    found = [*members.values_list("user_id", flat=True), *agents.values_list("pk", flat=True)]
    ids = [words, *map(str, found)]
    return [*ids, "galaxy"] if words.lower() in "galaxy" else ids


def _action_choices(actions: list[str]) -> list:
    """Groups of a select: each subject with "all of it" first, then its actions."""
    subjects: dict[str, list[str]] = {}
    for action in actions:
        subjects.setdefault(action.partition(".")[0], []).append(action)
    groups = []
    for subject, found in subjects.items():
        word = subject.replace("_", " ").capitalize()
        groups.append((word, [(f"{subject}.", f"{word}: all"), *((action, in_words(action)) for action in found)]))
    return [("", "Every event"), *groups]


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
