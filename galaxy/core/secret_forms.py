"""Forms of the vault's pages. A value goes in and is never drawn again, not even when the form comes back."""

import re

from django import forms
from django.core.exceptions import ValidationError

from galaxy.core.egress.urls import is_host
from galaxy.core.models import SecretVersion

MOST_HOSTS = 20
_OFF = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


class WriteOnlyTextarea(forms.Textarea):
    """Takes text of one line or many, and shows none."""

    def __init__(self):
        super().__init__(attrs=_OFF | {"rows": 4, "class": "mono", "data-1p-ignore": True, "data-lpignore": "true"})

    def format_value(self, value):
        return ""


class HostsField(forms.CharField):
    """Exact host names, one a line or with commas; cleans to a list in lower case, each once."""

    def __init__(self, **kwargs):
        widget = forms.Textarea(attrs={**_OFF, "rows": 2, "class": "mono"})
        super().__init__(max_length=4000, widget=widget, required=False, label="Hosts", **kwargs)

    def prepare_value(self, value):
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value):
        words = re.split(r"[\s,]+", super().clean(value).lower())
        hosts = list(dict.fromkeys(word.removesuffix(".") for word in words if word))
        if wrong := [host for host in hosts if not is_host(host)]:
            raise ValidationError(
                f"{wrong[0][:80]!r} is no host name: write it as in api.example.com, without https://."
            )
        if len(hosts) > MOST_HOSTS:
            raise ValidationError(f"A secret goes to {MOST_HOSTS} hosts at most.")
        return hosts


class ValueForm(forms.Form):
    """A value with where it may go: for a new secret, and for the next value of one."""

    value = forms.CharField(max_length=32_768, strip=False, widget=WriteOnlyTextarea, label="Value")
    hosts = HostsField(help_text="Where it may be sent, one a line. Nothing else ever gets it.")
    places = forms.MultipleChoiceField(
        label="Where in a request",
        required=False,
        choices=SecretVersion.Place.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="Headers do for nearly everything. None at all: it only signs, and is never sent.",
    )

    def clean_value(self):
        """Browsers send line ends as CR LF. Around a single line, blanks are what slipped in while copying."""
        value = self.cleaned_data["value"].replace("\r\n", "\n")
        return value if "\n" in value.strip() else value.strip()


class SecretForm(ValueForm):
    name = forms.SlugField(
        max_length=64,
        label="Name",
        help_text="Small letters, digits and dashes. It cannot be changed.",
        widget=forms.TextInput(attrs=_OFF),
    )
    purpose = forms.CharField(max_length=300, label="Purpose", help_text="One sentence for whoever rotates it.")
    field_order = ("name", "purpose", "value", "hosts", "places")

    def clean_name(self):
        return self.cleaned_data["name"].lower()


class TestForm(forms.Form):
    """An https address that answers differently to a good and to a bad value."""

    address = forms.CharField(max_length=2000, label="Address to try", widget=forms.TextInput(attrs=_OFF))

    def __init__(self, data=None, *, hosts):
        super().__init__(data, initial={"address": f"https://{hosts[0]}/" if hosts else ""})


class ShredForm(forms.Form):
    name = forms.CharField(max_length=64, label="Type the name of the secret", widget=forms.TextInput(attrs=_OFF))

    def __init__(self, data=None, *, secret):
        super().__init__(data)
        self.secret = secret

    def clean_name(self):
        if self.cleaned_data["name"] != self.secret.name:
            raise ValidationError(f"That is not its name. Type {self.secret.name} to destroy it.")
        return self.cleaned_data["name"]


class SecretFilterForm(forms.Form):
    q = forms.CharField(
        required=False, max_length=64, label="Name contains", widget=forms.TextInput(attrs={"type": "search"})
    )
    state = forms.ChoiceField(required=False, choices=[("", "Kept"), ("shredded", "Shredded")], label="State")
    before = forms.CharField(required=False, max_length=120)
    after = forms.CharField(required=False, max_length=120)
