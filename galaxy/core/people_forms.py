"""Forms about people: shape and plain validation of what is typed on the members pages."""

from uuid import UUID

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import Q

from galaxy.core.break_glass import MINUTES
from galaxy.core.fields import WordsField
from galaxy.core.members.people import ByName
from galaxy.core.models import RoleGroup, User
from galaxy.core.models.support import SHORTEST_REASON
from galaxy.core.permissions import LABELS


class PeopleFilterForm(forms.Form):
    """Filters of the list, sent by GET. What cannot be understood is left aside."""

    q = WordsField(label="Name or address")
    role = forms.ChoiceField(required=False, label="Role")

    def __init__(self, data, *, roles: list[RoleGroup]):
        super().__init__(data)
        choices = [("", "Every role"), *((str(role.pk), role.label) for role in roles)]
        self.fields["role"].choices = choices  # type: ignore[attr-defined]
        self._roles = {str(role.pk): role for role in roles}

    def apply(self, memberships):
        """``memberships`` (a queryset) under the filters that can be understood."""
        self.is_valid()
        if words := self.cleaned_data.get("q"):
            memberships = memberships.filter(Q(user__name__icontains=words) | Q(user__email__icontains=words))
        role = self._roles.get(self.cleaned_data.get("role", ""))
        if role is not None:
            memberships = memberships.filter(custom_role=role) if role.is_custom else memberships.filter(role=role.role)
        return memberships

    @property
    def is_set(self) -> bool:
        return any(self.data.get(name) for name in self.fields)


class RoleField(forms.TypedChoiceField):
    """One of ``roles``; cleans to the RoleGroup."""

    def __init__(self, roles: list[RoleGroup], **kwargs):
        self._roles = {str(role.pk): role for role in roles}
        choices = [(str(role.pk), role.label) for role in roles]
        super().__init__(choices=choices, coerce=self._roles.get, empty_value=None, **kwargs)


class RoleChoiceForm(forms.Form):
    """Another role, and what becomes of the grants by name; left out, they go with a role that may do less."""

    by_name = forms.ChoiceField(
        required=False, label="Grants by name", choices=ByName.choices, widget=forms.RadioSelect
    )

    def __init__(self, data=None, *, roles: list[RoleGroup], initial=None):
        super().__init__(data, initial={"by_name": ByName.IF_WEAKER} | (initial or {}))
        self.fields["role"] = RoleField(roles, label="Role")

    def clean_by_name(self):
        return self.cleaned_data["by_name"] or ByName.IF_WEAKER


class InvitationForm(forms.Form):
    address = forms.EmailField(label="E-mail address", max_length=254)

    def __init__(self, data=None, *, roles: list[RoleGroup]):
        super().__init__(data, auto_id="invite_%s")  # the filter of the same page has a role, too
        self.fields["role"] = RoleField(roles, label="Role")


class NewAccountForm(forms.Form):
    """Somebody without an account: their name, and a password they choose."""

    name = forms.CharField(label="Your name", max_length=120)
    password = forms.CharField(label="Password", widget=forms.PasswordInput(), strip=False, max_length=128)

    def __init__(self, data=None, *, address: str):
        super().__init__(data)
        self.address = address
        self.fields["password"].help_text = "At least 12 characters."

    def clean(self):
        data = super().clean() or {}
        if data.get("password"):
            try:
                validate_password(data["password"], User(email=self.address, name=data.get("name", "")))
            except ValidationError as error:
                self.add_error("password", error)
        return data


class ReasonForm(forms.Form):
    reason = forms.CharField(
        required=False,
        max_length=300,
        label="Reason",
        help_text="Goes into the audit trail.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class RoleDefinitionForm(forms.Form):
    """A role of the workspace's own. ``held`` are the codenames its maker may put in."""

    name = forms.CharField(max_length=40, label="Name")
    permissions = forms.MultipleChoiceField(
        label="What it may do", widget=forms.CheckboxSelectMultiple, choices=list(LABELS.items())
    )

    def clean_permissions(self):
        return set(self.cleaned_data["permissions"])


class TargetField(forms.CharField):
    """``permission|kind|id`` as a control that is off sends it; cleans to {perm, kind, id}."""

    def clean(self, value):
        parts = super().clean(value).split("|")
        try:
            perm, kind, id = parts
            return {"perm": perm, "kind": kind, "id": UUID(id)}
        except ValueError as error:
            raise ValidationError("This form is broken. Reload the page.") from error


class AskForm(forms.Form):
    ask = TargetField(max_length=240)


class GrantForm(forms.Form):
    """One grant. ``object`` is ``kind|id``, ``act`` a codename, ``to`` an address, a role's name or ``user:<id>``."""

    object = forms.CharField(max_length=120)
    act = forms.SlugField(max_length=60)
    to = forms.CharField(max_length=254)

    def clean_object(self):
        kind, _, id = self.cleaned_data["object"].partition("|")
        try:
            return kind, UUID(id)
        except ValueError as error:
            raise ValidationError("This form is broken. Reload the page.") from error


class AnswerForm(forms.Form):
    answer = forms.ChoiceField(choices=[("given", "Give"), ("declined", "Decline")])
    reason = forms.CharField(required=False, max_length=300, label="Reason, needed to decline")


class BreakGlassForm(forms.Form):
    """How a staff person begins a look into a workspace."""

    workspace = forms.SlugField(
        max_length=40, label="Workspace", help_text="Its address, as in /w/meridian/: meridian."
    )
    reason = forms.CharField(
        min_length=SHORTEST_REASON,
        max_length=500,
        label="Reason",
        help_text="Its owners read this at once, and it stays in their audit trail.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    minutes = forms.ChoiceField(choices=[(str(number), f"{number} minutes") for number in MINUTES], label="For")


class SupportAccessForm(forms.Form):
    allows_support_access = forms.TypedChoiceField(
        choices=[("true", "Yes"), ("false", "No")], coerce=lambda word: word == "true"
    )
