"""The form of an agent: who it is, for how long, and what it may use."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from galaxy.core.agents import MOST_CALLS_PER_DAY, grants_of
from galaxy.core.models import Agent, User, Workspace
from registry.manifests.scopes import sentence
from registry.models import Installation, Kind

RUN, WRITE = "registry.run_installation", "registry.write_installation"
LEVELS = [("", "Nothing"), ("read", "Run it where it reads"), ("write", "Run it where it reads and writes")]
_GRANTS = {"": (), "read": (RUN,), "write": (RUN, WRITE)}


class AgentForm(forms.Form):
    """``agent`` is the one to change, None for a new one. One select for each installation that ``user`` sees."""

    name = forms.CharField(max_length=80, label="Name")
    purpose = forms.CharField(
        max_length=500,
        label="Purpose",
        help_text="What it is for, in a sentence that a reviewer can judge its calls by.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    owner = forms.ModelChoiceField(
        User.objects.none(), label="Owner", help_text="Answers for it. It can never do what its owner may not."
    )
    calls_per_day = forms.IntegerField(
        min_value=1, max_value=MOST_CALLS_PER_DAY, initial=200, label="Calls a day", help_text="Counted from 00:00 UTC."
    )
    ends_at = forms.DateField(
        label="Last day",
        help_text="At most a year from now; it ends at midnight UTC after it.",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    scopes = forms.MultipleChoiceField(
        required=False,
        label="Scopes",
        help_text="What its calls may use, of what this workspace agreed to.",
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data=None, *, workspace: Workspace, user: User, agent: Agent | None = None):
        super().__init__(data, initial=_initial(agent, user))
        installations = Installation.objects.in_workspace(workspace).active().visible_to(user)
        self.installations = list(installations.select_related("extension", "workspace").order_by("extension__name"))
        members = User.objects.filter(memberships__workspace=workspace, is_active=True).order_by("name", "email")
        self.fields["owner"].queryset = members  # type: ignore[attr-defined]
        kept = agent.scopes if agent else []
        offered = sorted({scope for one in self.installations for scope in one.scopes} | set(kept))
        choices = [(scope, f"{sentence(scope)} ({scope})") for scope in offered]
        self.fields["scopes"].choices = choices  # type: ignore[attr-defined]
        held = _held(agent)
        for installation in self.installations:
            field = forms.ChoiceField(choices=_levels(installation), required=False, label=installation.extension.name)
            field.initial = held.get(installation.pk, "")
            self.fields[_field_of(installation)] = field
        for name in ("owner", *map(_field_of, self.installations)):
            self.fields[name].widget.attrs["class"] = "select"

    @property
    def grant_fields(self) -> list[forms.BoundField]:
        return [self[_field_of(installation)] for installation in self.installations]

    @property
    def facts(self) -> dict[str, Any]:
        """What the services take, once the form is valid."""
        data = self.cleaned_data
        names = ("name", "purpose", "owner", "calls_per_day", "scopes")
        midnight = datetime.combine(
            data["ends_at"] + timedelta(days=1), time.min, tzinfo=timezone.get_default_timezone()
        )
        grants = [(one, perm) for one in self.installations for perm in _GRANTS[data[_field_of(one)]]]
        return {name: data[name] for name in names} | {"ends_at": midnight, "grants": grants}


def _field_of(installation: Installation) -> str:
    return f"grant-{installation.pk}"


def _levels(installation: Installation) -> list[tuple[str, str]]:
    """A pack or a transform writes nothing by itself: its steps ask for their own."""
    writes = installation.extension.kind not in (Kind.PACK, Kind.TRANSFORM)
    return LEVELS if writes else [LEVELS[0], ("read", "Run it")]


def _initial(agent: Agent | None, user: User) -> dict[str, Any]:
    if agent is None:
        return {"owner": user.pk, "ends_at": timezone.now().date() + timedelta(days=90)}
    facts = {name: getattr(agent, name) for name in ("name", "purpose", "calls_per_day", "scopes")}
    return facts | {"owner": agent.owner_id, "ends_at": (agent.ends_at - timedelta(seconds=1)).date()}


def _held(agent: Agent | None) -> dict:
    """{installation id: level}"""
    found: dict = {}
    for obj, perm in grants_of(agent) if agent else ():
        found[obj.pk] = "write" if perm == WRITE or found.get(obj.pk) == "write" else "read"
    return found
