"""Forms of floor 0: shape and plain validation of what people type."""

from collections.abc import Iterable, Sequence
from functools import cache
from zoneinfo import available_timezones

from django import forms

from galaxy.core.audit.outcomes import OUTCOMES
from galaxy.core.audit.reading import in_words
from galaxy.core.audit.search import matching
from galaxy.core.models import AuditEvent, User, Workspace
from galaxy.core.news_forms import HOURS, MAIL, NewsRow, hour_fields, mail_fields, rows_of
from galaxy.core.notifications.choosing import NOW, OFF


@cache
def time_zones() -> frozenset[str]:
    """Names of places such as ``Europe/Berlin``, and UTC; aliases and technical names are left out."""
    areas = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    return frozenset({"UTC"} | {name for name in available_timezones() if name.partition("/")[0] in areas})


class PreferencesForm(forms.ModelForm):
    """What a person likes; of what is sent, only the fields that are there change."""

    time_zone = forms.ChoiceField(choices=lambda: [(name, name.replace("_", " ")) for name in sorted(time_zones())])

    class Meta:
        model = User
        fields = ["theme", "density", "letters", "time_zone", *HOURS]
        widgets = dict.fromkeys(("theme", "density", "letters"), forms.RadioSelect)

    def __init__(self, data=None, **kwargs):
        super().__init__(data, **kwargs)
        self.fields |= mail_fields(self.instance) | hour_fields()
        for name in set(self.fields) - set(data) if data is not None else ():
            del self.fields[name]

    def clean(self):
        found = super().clean() or {}
        if (found.get("quiet_from") is None) != (found.get("quiet_until") is None):
            self.add_error("quiet_until", "Say when quiet hours begin and when they end, or neither.")
        return found

    def save(self, commit=True):
        chosen = {name.removeprefix(MAIL): way for name, way in self.cleaned_data.items() if name.startswith(MAIL)}
        if chosen:
            stored = {kind: {NOW: True, OFF: False}.get(way, way) for kind, way in chosen.items()}
            self.instance.mail_choices = self.instance.mail_choices | stored
        return super().save(commit)

    @property
    def rows(self) -> list[NewsRow]:
        return rows_of(self)


class WorkspaceSettingsForm(forms.Form):
    requires_second_factor = forms.TypedChoiceField(
        choices=[("true", "Yes"), ("false", "No")], coerce=lambda word: word == "true"
    )


class AuditFilterForm(forms.Form):
    """Filters of the trail, all optional; the form is sent by GET, so that every view of it is a link.

    On offer are ``actions``, those that occur or all of a subject (``approval.``), and ``agents``, pairs of id and
    name; others are taken too. What each filter means, and the index behind it: galaxy.core.audit.search.
    """

    q = forms.CharField(required=False, max_length=200, label="Object begins with")
    actor = forms.CharField(required=False, max_length=120, label="Actor's name or id")
    action = forms.CharField(required=False, max_length=63, label="Event")
    show = forms.ChoiceField(required=False, choices=[("", "Everything"), ("key", "Key events")], label="Show")
    outcome = forms.ChoiceField(required=False, choices=[("", "Any"), *OUTCOMES.items()], label="Outcome")
    actor_kind = forms.ChoiceField(
        required=False, choices=[("", "Any actor"), *AuditEvent.ActorKind.choices], label="Kind of actor"
    )
    agent = forms.CharField(required=False, max_length=64, label="Agent")
    mode = forms.ChoiceField(
        required=False, choices=[("", "Any mode"), ("live", "Live"), ("simulated", "Simulated")], label="Mode"
    )
    since = forms.DateField(
        required=False, label="From", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    until = forms.DateField(
        required=False, label="To", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    request_id = forms.CharField(required=False, max_length=64, label="Request id")
    target = forms.CharField(required=False, max_length=64, label="Object id")

    def __init__(self, data, *, actions: Sequence[str] = (), agents: Iterable[tuple[str, str]] = ()):
        super().__init__(data)
        self.fields["action"].widget = forms.Select(choices=action_choices(actions))
        self.fields["agent"].widget = forms.Select(choices=[("", "Any agent"), *agents])

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
        return [self[name] for name in ("actor_kind", "agent", "mode", "since", "until", "request_id", "target")]

    @property
    def is_more_used(self) -> bool:
        return any(self.data.get(field.name) for field in self.more)

    def apply(self, workspace: Workspace):
        """The events of ``workspace`` under the filters given."""
        return matching(workspace, self.filters)


def action_choices(actions: Sequence[str]) -> list:
    """Groups of a select: each subject with "all of it" first, then its actions."""
    subjects: dict[str, list[str]] = {}
    for action in actions:
        subjects.setdefault(action.partition(".")[0], []).append(action)
    groups = []
    for subject, found in subjects.items():
        word = subject.replace("_", " ").capitalize()
        groups.append((word, [(f"{subject}.", f"{word}: all"), *((action, in_words(action)) for action in found)]))
    return [("", "Every event"), *groups]


class ViewForm(forms.Form):
    """The name of a saved view, and the query string that is kept."""

    name = forms.CharField(max_length=40, label="Name", widget=forms.TextInput(attrs={"class": "input"}))
    query = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)
