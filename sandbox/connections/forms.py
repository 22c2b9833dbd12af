"""What people type to connect. A secret goes in and is never drawn again, not even when the form comes back."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from galaxy.core.egress.placeholders import can_be_scrubbed
from galaxy.core.secret_forms import WriteOnlyTextarea
from registry.manifests import Manifest
from registry.services.credentials import auth_of, fitting_host, host_suffix, needs_app
from sandbox.connections.services import TOO_PLAIN

_OFF = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
SECRETS = ("api_key", "token", "password", "client_secret", "private_key")
_SETTINGS = ("username", "client_id", "issuer", "subject", "key_id")
_MOST = 16_384


class WriteOnlyInput(forms.PasswordInput):
    """One line that shows nothing, and that browsers offer nothing for."""

    def __init__(self) -> None:
        super().__init__(attrs=_OFF | {"data-1p-ignore": True, "data-lpignore": "true"}, render_value=False)


def _text(label: str, help_text: str = "", *, required: bool = True, most: int = 300) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=required, max_length=most, widget=forms.TextInput(attrs=_OFF)
    )


def _secret(label: str, help_text: str = "", *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=required, max_length=_MOST, widget=WriteOnlyInput()
    )


class AppForm(forms.Form):
    """The app that the vendor knows."""

    client_id = _text("Client id", "As the vendor shows it beside the app.")
    client_secret = _secret("Client secret", "Sealed at once. Leave it empty for an app that has none.", required=False)


class ConnectForm(forms.Form):
    """What a manifest's kind of authentication needs a person to type: nothing, for a consent screen.

    ``values`` are the secrets among it, ``settings`` the rest, once it is valid.
    """

    def __init__(self, data: Any = None, *, manifest: Manifest, **options: Any):
        super().__init__(data, **options)
        self._manifest = manifest
        self.kind = kind_of(manifest)
        for name, field in _FIELDS[self.kind].items():
            self.fields[name] = field()
        if host_suffix(manifest):
            self.fields["host"] = _text(
                "Host",
                f"Yours below {host_suffix(manifest)}, such as acme.{host_suffix(manifest)}.",
                required=self.kind != "consent",
            )
            if self.kind == "consent":
                self.fields["host"].help_text += " The provider tells it, where it is left empty."
        if self.kind not in ("consent", "none"):
            self.fields["account"] = _text(
                "Name of the account", "For people here, such as the address it belongs to.", required=False, most=200
            )

    def clean_host(self) -> str:
        try:
            return fitting_host(self._manifest, self.cleaned_data["host"])
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("service_account"):
            try:
                cleaned |= read_service_account(cleaned["service_account"])
            except ValueError as error:
                self.add_error("service_account", str(error))
        elif self.kind == "key" and not self.errors and not (cleaned.get("issuer") and cleaned.get("private_key")):
            self.add_error("service_account", "Paste the service account's JSON, or fill in issuer and private key.")
        for name in SECRETS:
            if cleaned.get(name) and not can_be_scrubbed(cleaned[name]):
                self.add_error(name if name in self.fields else None, TOO_PLAIN)
        return cleaned

    @property
    def values(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in SECRETS if self.cleaned_data.get(name)}

    @property
    def settings(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in _SETTINGS if self.cleaned_data.get(name)}


def kind_of(manifest: Manifest) -> str:
    """How one connects: consent, client, key, or by a single secret of the manifest's type."""
    auth = auth_of(manifest)
    if needs_app(manifest):
        return "consent"
    return {"oauth2": "client", "jwt_bearer": "key"}.get(auth["type"], auth["type"])


def read_service_account(text: str) -> dict[str, str]:
    """{issuer, key_id, private_key} of a service account's JSON, as Google gives it out. Raises ValueError.

    Its token_uri is not read: where assertions go is the manifest's to say.
    """
    try:
        found = json.loads(text)
        issuer, key = found["client_email"], found["private_key"]
        key_id = found.get("private_key_id", "")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise ValueError("This is no JSON of a service account: it has client_email and private_key.") from None
    if not all(isinstance(one, str) for one in (issuer, key, key_id)):
        raise ValueError("client_email and private_key are texts.")
    return {"issuer": issuer, "key_id": key_id, "private_key": key}


def _key_area(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=False, max_length=_MOST, strip=False, widget=WriteOnlyTextarea()
    )


_FIELDS: dict[str, dict[str, Any]] = {
    "consent": {},
    "none": {},
    "api_key": {"api_key": lambda: _secret("API key")},
    "bearer": {"token": lambda: _secret("Token")},
    "basic": {"username": lambda: _text("User name"), "password": lambda: _secret("Password")},
    "client": {"client_id": lambda: _text("Client id"), "client_secret": lambda: _secret("Client secret")},
    "key": {
        "service_account": lambda: _key_area(
            "Service account", "The whole JSON, as Google gives it out. It fills in issuer and key."
        ),
        "issuer": lambda: _text("Issuer", "The consumer key, or the account's address.", required=False),
        "subject": lambda: _text("Acts for", "The user name it acts for, where it acts for one.", required=False),
        "private_key": lambda: _key_area("Private key", "In PEM form."),
    },
}
