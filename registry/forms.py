"""Forms of the registry: shape and plain validation of what people type."""

from django import forms

from galaxy.core.fields import WordsField
from galaxy.core.models import Secret, Workspace
from registry.models import Kind


class InstallationFilterForm(forms.Form):
    """Filters of the list, sent by GET, so that every view of it is a link."""

    q = WordsField(label="Name")
    kind = forms.ChoiceField(required=False, choices=[("", "Every kind"), *Kind.choices], label="Kind")

    def apply(self, installations):
        """``installations`` (a queryset) under the filters that can be understood; the rest is left aside."""
        self.is_valid()
        if words := self.cleaned_data.get("q"):
            installations = installations.filter(extension__name__icontains=words)
        if kind := self.cleaned_data.get("kind"):
            installations = installations.filter(extension__kind=kind)
        return installations

    @property
    def is_set(self) -> bool:
        return any(self.data.get(name) for name in self.fields)


class SecretUseForm(forms.Form):
    """Which secret of the workspace the code may use, and by what name it calls it."""

    secret = forms.ModelChoiceField(
        Secret.objects.none(),
        label="Secret",
        empty_label="Choose one",
        help_text="Its value is never shown to the code.",
    )
    name = forms.CharField(
        max_length=64, label="Name in the code", help_text='TOKEN is ctx.secrets["TOKEN"].', strip=True
    )

    def __init__(self, *args, workspace: Workspace, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["secret"].queryset = Secret.objects.in_workspace(workspace).kept()


class RemovalForm(forms.Form):
    """``name`` is asked for where anything depends on what is removed: the extension's own, typed."""

    reason = forms.CharField(
        required=False,
        max_length=300,
        label="Reason",
        help_text="Goes into the audit trail.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    name = forms.CharField(required=False, max_length=80, label="Its name", strip=True)

    def __init__(self, *args, name: str = "", **kwargs):
        super().__init__(*args, **kwargs)
        self.wanted = name
        if name:
            self.fields["name"].required = True
            self.fields["name"].help_text = f"Type {name}, since others depend on it."
        else:
            del self.fields["name"]

    def clean_name(self) -> str:
        if self.cleaned_data["name"] != self.wanted:
            raise forms.ValidationError(f"Type {self.wanted}, exactly as it stands there.")
        return self.cleaned_data["name"]


class RollbackForm(forms.Form):
    """Why it goes back, and what was shown: words that were agreed to, and codes of checks that block."""

    reason = forms.CharField(
        max_length=300,
        label="Reason",
        help_text="Goes into the audit trail and the timeline.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
