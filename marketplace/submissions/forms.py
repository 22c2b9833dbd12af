"""Forms of submissions: shape and plain validation of what people type."""

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email

from galaxy.core.fields import WordsField
from marketplace.models import VerificationLevel
from marketplace.submissions.attestations import ATTESTATIONS
from marketplace.submissions.facing import PRIVATE, PUBLIC
from marketplace.submissions.models import State
from marketplace.submissions.services import MOST_CHARACTERS, MOST_SUPPORT
from registry.models import Kind, Publisher

CATALOGUES = [(PUBLIC, "The marketplace, for every workspace"), (PRIVATE, "This workspace’s own catalogue")]
SHOWN = [("", "Waiting and in review"), ("mine", "Mine"), ("closed", "Decided"), ("all", "All")]
_https = URLValidator(schemes=["https"])


class SubmitForm(forms.Form):
    catalogue = forms.ChoiceField(label="Where it is offered", choices=CATALOGUES, widget=forms.RadioSelect)
    publisher = forms.ModelChoiceField(
        Publisher.objects.none(),
        label="Publisher",
        required=False,
        empty_label=None,
        help_text="The name that stands on its card.",
    )
    changes = forms.CharField(
        label="What is new",
        required=False,
        max_length=MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Admins read it before they update. Plain sentences.",
    )
    support = forms.CharField(
        label="Where people get help",
        required=False,
        max_length=MOST_SUPPORT,
        help_text="An e-mail address or an https link. Verified and Enterprise ask for it.",
    )

    security_fix = forms.CharField(
        label="The security hole it closes",
        required=False,
        max_length=300,
        help_text="Only if it closes one. Workspaces may then update before their waiting days are over.",
    )

    def __init__(self, *args, publishers, has_marketplace: bool, has_version: bool, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["publisher"].queryset = publishers
        self.fields["publisher"].widget.attrs["class"] = "select"
        self.has_version = has_version
        self.one_of = ("publisher", "changes") if has_version else ("publisher",)  # these are no option
        if not has_marketplace:
            self.fields["catalogue"].choices = CATALOGUES[1:]

    def clean_support(self) -> str:
        support = self.cleaned_data["support"].strip()
        if not support:
            return ""
        try:
            (_https if "://" in support else validate_email)(support)
        except ValidationError as error:
            sentence = "An address such as help@example.com, or a link that begins with https://."
            raise ValidationError(sentence) from error
        return support

    def clean_changes(self) -> str:
        changes = self.cleaned_data["changes"].replace("\r\n", "\n").strip()
        if self.has_version and not changes:
            raise ValidationError("A version is out already: say what this one changes.")
        return changes

    def clean(self):
        data = super().clean() or {}
        if data.get("catalogue") == PUBLIC and not data.get("publisher"):
            self.add_error("publisher", "Choose the name it is published under.")
        return data


class QueueForm(forms.Form):
    """Filters of the reviewers' queue; every view of it is a link."""

    q = WordsField(label="Search")
    show = forms.ChoiceField(required=False, choices=SHOWN, label="Show")
    kind = forms.ChoiceField(required=False, choices=[("", "Any kind"), *Kind.choices], label="Kind")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("show", "kind"):
            self.fields[name].widget.attrs["class"] = "select"

    def apply(self, rows, user):
        """The rows under the filters that can be understood; open ones the oldest first, others the newest first."""
        self.is_valid()
        given = self.cleaned_data
        if words := given.get("q"):
            named = rows.filter(name__icontains=words) | rows.filter(slug__icontains=words)
            rows = named | rows.filter(publisher__icontains=words)
        if kind := given.get("kind"):
            rows = rows.filter(kind=kind)
        match given.get("show"):
            case "mine":
                return rows.filter(state=State.IN_REVIEW, reviewer=user).order_by("submitted_at", "id")
            case "closed":
                return rows.filter(closed_at__isnull=False).order_by("-closed_at", "-id")
            case "all":
                return rows.order_by("-submitted_at", "-id")
        return rows.open().order_by("submitted_at", "id")

    @property
    def is_set(self) -> bool:
        self.is_valid()
        return any(self.cleaned_data.values())


class DecisionForm(forms.Form):
    """A reviewer's answer. ``finding`` are places in the list of findings, ``attested`` codes of ATTESTATIONS."""

    CHOICES = ("approve", "request_changes", "reject")
    one_of = ("reason", "level")  # each decision needs one of them
    decision = forms.ChoiceField(choices=[(name, name) for name in CHOICES])
    reason = forms.CharField(
        required=False,
        strip=True,
        max_length=MOST_CHARACTERS,
        label="In your words",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    level = forms.ChoiceField(required=False, choices=VerificationLevel.choices, label="Level")
    finding = forms.TypedMultipleChoiceField(required=False, coerce=int)
    attested = forms.MultipleChoiceField(required=False, choices=list(ATTESTATIONS.items()))
    confirms_fix = forms.BooleanField(required=False)

    def __init__(self, *args, count: int, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["finding"].choices = [(str(at), str(at)) for at in range(count)]
        self.fields["level"].widget.attrs["class"] = "select"
