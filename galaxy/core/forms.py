"""Forms of floor 0: shape and plain validation of what people type."""

from datetime import datetime, time

from django import forms
from django.utils import timezone

from galaxy.core.models import AuditEvent, User


class PreferencesForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["theme", "density"]

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        for name in set(self.fields) - set(data):
            del self.fields[name]


class AuditFilterForm(forms.Form):
    """Filters of the trail, all optional; the form is sent by GET, so that every view of it is a link."""

    q = forms.CharField(required=False, max_length=200, label="Actor or object")
    action = forms.CharField(required=False, max_length=63, label="Action")
    actor_kind = forms.ChoiceField(
        required=False, choices=[("", "Any actor"), *AuditEvent.ActorKind.choices], label="Kind of actor"
    )
    mode = forms.ChoiceField(
        required=False, choices=[("", "Live and simulated"), ("live", "Live"), ("simulated", "Simulated")], label="Mode"
    )
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    request_id = forms.CharField(required=False, max_length=64, label="Request id")
    target = forms.CharField(required=False, max_length=64, label="Object id")

    def apply(self, events):
        """``events`` (an AuditEvent queryset) under the filters given."""
        data = self.cleaned_data
        if data["action"]:
            events = events.filter(action__startswith=data["action"])
        if data["actor_kind"]:
            events = events.filter(actor_kind=data["actor_kind"])
        if data["mode"]:
            events = events.filter(simulated=data["mode"] == "simulated")
        if data["since"]:
            events = events.filter(occurred_at__gte=_start_of(data["since"]))
        if data["until"]:
            events = events.filter(occurred_at__lt=_start_of(data["until"]) + timezone.timedelta(days=1))
        if data["request_id"]:
            events = events.filter(request_id=data["request_id"])
        if data["target"]:
            events = events.filter(target_id=data["target"])
        return events


def _start_of(day) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
