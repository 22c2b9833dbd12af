"""Forms of who answers: groups, delegations and Auto-Approve grants. The rules themselves stand in the services."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from galaxy.core.models import Agent, User, Workspace
from policies.models import ApproverGroup
from policies.services.granting import MOST_USES
from registry.models import Installation


class GroupForm(forms.Form):
    """A new group, with its first members."""

    name = forms.CharField(max_length=60, label="Name", help_text="Rules and requests name it, such as Sales-Ops.")
    purpose = forms.CharField(required=False, max_length=300, label="What it answers for")
    members = forms.ModelMultipleChoiceField(
        User.objects.none(), required=False, label="Members", widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any = None, *, workspace: Workspace):
        super().__init__(data)
        _choose(self, "members", members_of(workspace))


class MemberForm(forms.Form):
    """Somebody who joins a group."""

    user = forms.ModelChoiceField(User.objects.none(), label="Member", empty_label="Choose somebody")

    def __init__(self, data: Any = None, *, group: ApproverGroup):
        super().__init__(data)
        _choose(self, "user", members_of(group.workspace).exclude(pk__in=group.members.values("user")))
        self.fields["user"].widget.attrs["class"] = "select"


class DelegationForm(forms.Form):
    """Who answers for oneself, from the first day to the last, both included; days are UTC."""

    taker = forms.ModelChoiceField(
        User.objects.none(),
        label="Who answers for you",
        empty_label="Choose somebody",
        help_text="They decide what you could decide, except what you asked for yourself.",
    )
    starts_on = forms.DateField(label="First day", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    ends_on = forms.DateField(
        label="Last day",
        help_text="It ends at midnight UTC after it.",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    installation = forms.ModelChoiceField(
        Installation.objects.none(), required=False, label="About", empty_label="Everything"
    )
    reason = forms.CharField(required=False, max_length=300, label="Reason", help_text="They read it.")

    def __init__(self, data: Any = None, *, workspace: Workspace, user: User):
        super().__init__(data, initial={"starts_on": timezone.now().date()})
        _choose(self, "taker", members_of(workspace).exclude(pk=user.pk))
        _choose(self, "installation", installations_of(workspace, user))
        for name in ("taker", "installation"):
            self.fields[name].widget.attrs["class"] = "select"

    @property
    def facts(self) -> dict[str, Any]:
        """What the service takes, once the form is valid: a first day that is today begins at once."""
        data = self.cleaned_data
        starts_at = max(_midnight(data["starts_on"]), timezone.now())
        names = ("taker", "installation", "reason")
        return {name: data[name] for name in names} | {"starts_at": starts_at, "ends_at": _end_of(data["ends_on"])}


class AutoApprovalForm(forms.Form):
    """A yes given beforehand."""

    installation = forms.ModelChoiceField(
        Installation.objects.none(),
        label="Extension",
        empty_label="Choose one",
        help_text="At the version it is held at now. Another version ends the grant.",
    )
    scope = forms.CharField(
        max_length=120,
        label="Scopes",
        help_text="One scope, or a pattern: crm.**.write stands for whatever writes below crm.",
        widget=forms.TextInput(attrs={"list": "known-scopes", "autocomplete": "off", "spellcheck": "false"}),
    )
    agent = forms.ModelChoiceField(
        Agent.objects.none(),
        required=False,
        label="Who asks",
        empty_label="Anybody but you, and any agent but yours",
        help_text="Your own requests, and those of your agents, always wait for somebody else.",
    )
    reason = forms.CharField(
        max_length=500, label="Reason", help_text="Why nobody needs to look.", widget=forms.Textarea(attrs={"rows": 2})
    )
    budget = forms.IntegerField(
        min_value=1, max_value=MOST_USES, initial=20, label="Times", help_text="After so many uses people are asked."
    )
    most_records = forms.IntegerField(
        required=False,
        min_value=2,
        max_value=100_000,
        label="Records at most",
        help_text="Of each request. Empty: none that counts as bulk. With a number a second person has to agree.",
    )
    error_percent = forms.IntegerField(
        min_value=0,
        max_value=99,
        initial=20,
        label="Errors at most, per cent",
        help_text="Of its last 20 uses, from the fifth on. More end it.",
    )
    ends_on = forms.DateField(
        label="Last day",
        help_text="It ends at midnight UTC after it. What covers a delete lasts 7 days at most.",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )

    def __init__(self, data: Any = None, *, workspace: Workspace, user: User, initial: dict[str, Any] | None = None):
        super().__init__(data, initial=initial)
        self.installations = installations_of(workspace, user)
        _choose(self, "installation", self.installations)
        now = timezone.now()
        _choose(self, "agent", Agent.objects.in_workspace(workspace).filter(ended_at=None, ends_at__gt=now))
        for name in ("installation", "agent"):
            self.fields[name].widget.attrs["class"] = "select"

    @property
    def known_scopes(self) -> list[str]:
        """Every scope that something here was given, for the field to suggest."""
        return sorted({scope for one in self.installations for scope in one.scopes})

    @property
    def facts(self) -> dict[str, Any]:
        """What the service takes, once the form is valid."""
        data = self.cleaned_data
        names = ("installation", "scope", "agent", "reason", "budget", "most_records", "error_percent")
        return {name: data[name] for name in names} | {"ends_at": _end_of(data["ends_on"])}


class RevocationForm(forms.Form):
    reason = forms.CharField(required=False, max_length=300, label="Reason", help_text="Goes into the audit trail.")


def members_of(workspace: Workspace):
    people = User.objects.filter(memberships__workspace=workspace, is_active=True)
    return people.order_by("name", "email")


def installations_of(workspace: Workspace, user: User):
    rows = Installation.objects.in_workspace(workspace).active().visible_to(user, workspace)
    return rows.select_related("extension", "workspace").order_by("extension__name")


def _choose(form: forms.Form, name: str, rows: Any) -> None:
    form.fields[name].queryset = rows  # type: ignore[attr-defined]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def _end_of(day: date) -> datetime:
    return _midnight(day + timedelta(days=1))
