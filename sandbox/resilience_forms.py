"""Forms of issues, breakers and places."""

from django import forms

from registry.models import Installation
from sandbox.models import Issue

CLOSED = "closed"
STATES = {"": "Open", CLOSED: "Closed", "all": "Open and closed"}


class IssueFilterForm(forms.Form):
    """Filters of the list, all optional; sent by GET. Without any, what is open is shown."""

    state = forms.ChoiceField(required=False, label="State", choices=list(STATES.items()))
    kind = forms.ChoiceField(required=False, label="Kind", choices=[("", "Any kind"), *Issue.Kind.choices])
    installation = forms.ModelChoiceField(Installation.objects.none(), required=False, label="Extension")
    whose = forms.ChoiceField(required=False, label="Whose turn", choices=[("", "Anybody’s"), ("mine", "Mine")])

    def __init__(self, *args, installations, **options):
        super().__init__(*args, **options)
        chooser = self.fields["installation"]
        chooser.queryset, chooser.empty_label = installations, "Any extension"  # type: ignore[attr-defined]
        for field in self:
            field.field.widget.attrs["class"] = "select"

    def apply(self, issues, user):
        """``issues`` (an Issue queryset) under the filters given."""
        data = self.cleaned_data
        if data["state"] in {"", CLOSED}:
            issues = issues.filter(closed_at__isnull=data["state"] == "")
        if data["kind"]:
            issues = issues.filter(kind=data["kind"])
        if data["installation"]:
            issues = issues.filter(installation=data["installation"])
        if data["whose"]:
            issues = issues.filter(owner=user)
        return issues

    @property
    def words(self) -> str:
        """What was looked for: "Closed, calls are held back, in HubSpot"."""
        data = self.cleaned_data
        said = [STATES[data["state"]]] if data["state"] else []
        if data["kind"]:
            said.append(Issue.Kind(data["kind"]).label)
        if self.cleaned_data["installation"]:
            said.append(f"in {self.cleaned_data['installation']}")
        if self.cleaned_data["whose"]:
            said.append("my turn")
        return ", ".join([said[0], *(word[0].lower() + word[1:] for word in said[1:])]) + "." if said else ""


class ReasonForm(forms.Form):
    """Why somebody steps in; it is kept, and read by those who look later."""

    reason = forms.CharField(max_length=300, label="Why", widget=forms.Textarea(attrs={"rows": 2}))


class BreakerForm(ReasonForm):
    """Hold the calls of an action back, or let them through again."""

    action = forms.ChoiceField(label="Action", widget=forms.Select(attrs={"class": "select"}))
    field_order = ("action", "reason")

    def __init__(self, *args, actions: list[str], **options):
        super().__init__(*args, **options)
        self.fields["action"].choices = [(name, name) for name in actions]  # type: ignore[attr-defined]
