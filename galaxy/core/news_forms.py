"""Forms about news: which of it reaches a person by which way, at what hours, and where their webhook is."""

from dataclasses import dataclass
from typing import Any

from django import forms

from galaxy.core.models import NewsHook, User
from galaxy.core.notifications.choosing import DIGEST, WAYS, Choices, account_mail
from galaxy.core.notifications.kinds import Kind, kinds

MAIL, HOOK = "mail_", "hook_"
HOURS = ("digest_every", "digest_day", "digest_hour", "quiet_from", "quiet_until")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_OFF = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


@dataclass(frozen=True)
class NewsRow:
    """One kind in the table: its fields, None where nothing is to be chosen."""

    kind: Kind
    mail: forms.BoundField | None
    hook: forms.BoundField | None


def ways_for(kind: Kind) -> list[tuple[str, str]]:
    """What an act mails by itself has no digest."""
    return [(way, word) for way, word in WAYS.items() if way != DIGEST or not kind.own_mail]


def mail_fields(user: User) -> dict[str, forms.Field]:
    """A choice for each kind that can be switched off, as it stands in the account of ``user``."""
    return {
        f"{MAIL}{kind.name}": forms.ChoiceField(
            choices=ways_for(kind), initial=account_mail(user, kind), widget=_select(kind.label)
        )
        for kind in kinds()
        if not kind.fixed
    }


def hour_fields() -> dict[str, forms.Field]:
    hours = [(hour, f"{hour:02}:00") for hour in range(24)]
    number: dict[str, Any] = {"coerce": int, "empty_value": None}
    return {
        "digest_day": forms.TypedChoiceField(choices=list(enumerate(DAYS)), label="Of a weekly digest", **number),
        "digest_hour": forms.TypedChoiceField(choices=hours, label="At", **number),
        "quiet_from": forms.TypedChoiceField(
            choices=[("", "No quiet hours"), *hours], label="Quiet from", required=False, **number
        ),
        "quiet_until": forms.TypedChoiceField(
            choices=[("", "No quiet hours"), *hours], label="Quiet until", required=False, **number
        ),
    }


def rows_of(form: forms.BaseForm) -> list[NewsRow]:
    """The table of every kind, by its label."""

    def field(name: str) -> forms.BoundField | None:
        return form[name] if name in form.fields else None

    return [NewsRow(kind, field(MAIL + kind.name), field(HOOK + kind.name)) for kind in kinds()]


class WorkspaceNewsForm(forms.Form):
    """What a person chose for one workspace: for each kind a way of mail, or as in their account; and whether it goes
    to their webhook, where they have one."""

    def __init__(self, data, *, choices: Choices, hook: NewsHook | None):
        super().__init__(data)
        for kind in kinds():
            if kind.fixed:
                continue
            as_account = f"As in my account: {WAYS[Choices(choices.user).mail(kind.name)].lower()}"
            self.fields[f"{MAIL}{kind.name}"] = forms.ChoiceField(
                choices=[("", as_account), *ways_for(kind)],
                initial=choices.mails.get(kind.name, ""),
                required=False,
                widget=_select(kind.label),
            )
            if hook:
                self.fields[f"{HOOK}{kind.name}"] = forms.BooleanField(
                    initial=choices.hook(kind.name),
                    required=False,
                    widget=forms.CheckboxInput(attrs={"aria-label": f"To my webhook: {kind.label}"}),
                )
        self.fields["digest"] = forms.BooleanField(
            initial=not choices.digest_off, required=False, label="Mails with several pieces of news from here"
        )

    @property
    def rows(self) -> list[NewsRow]:
        return rows_of(self)

    def chosen(self, prefix: str) -> dict:
        found = self.cleaned_data.items()
        return {name.removeprefix(prefix): value for name, value in found if name.startswith(prefix)}


class HookForm(forms.Form):
    address = forms.CharField(
        max_length=500,
        label="Address",
        widget=forms.TextInput(attrs=_OFF | {"class": "mono"}),
        help_text="An https address of your own, such as https://hooks.example.com/galaxy; no private network.",
    )


def _select(label: str) -> forms.Select:
    return forms.Select(attrs={"class": "select", "aria-label": f"By mail: {label}"})
