"""Forms of the trail's own pages: exports, how long values are kept, and views that people keep."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

from django import forms

from galaxy.core.audit.packs.redaction import CLASSES
from galaxy.core.audit.retention import SHORTEST_REASON
from galaxy.core.errors import Invalid
from galaxy.core.forms import AuditFilterForm, action_choices
from galaxy.core.models import Workspace
from galaxy.core.models.retention import LONGEST_DAYS
from galaxy.core.saved_views import KeptList

_DAY: dict[str, Any] = {"widget": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), "required": False}


class ExportForm(forms.Form):
    """What to export, as a query string of the list's filters, and in which form."""

    PACK, LINES = "pack", "lines"

    query = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)
    form = forms.ChoiceField(  # type: ignore[assignment]
        label="In the pack",
        choices=[(PACK, "NDJSON and CSV"), (LINES, "NDJSON alone")],
        initial=PACK,
        widget=forms.RadioSelect,
    )
    classes = forms.MultipleChoiceField(
        label="Leave out",
        required=False,
        choices=list(CLASSES.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text="What stays verifies all the same. Ids, times and the kinds of events always stay.",
    )
    fields_left_out = forms.CharField(
        required=False, max_length=400, label="Leave out these fields too", help_text="Such as data.note, after.state"
    )

    @property
    def redacted(self) -> list[str]:
        named = self.cleaned_data["fields_left_out"].replace(",", " ").split()
        return [*self.cleaned_data["classes"], *named]


class StreamForm(forms.Form):
    query = forms.CharField(required=False, max_length=1000)
    form = forms.ChoiceField(  # type: ignore[assignment]
        choices=[("csv", "CSV"), ("ndjson", "NDJSON")]
    )


class RuleForm(forms.Form):
    """``actions`` are those that occur in the trail; ``prefix`` cannot be changed once the rule is there."""

    prefix = forms.CharField(required=False, max_length=63, label="Events")  # type: ignore[assignment]
    keep_days = forms.IntegerField(min_value=1, max_value=LONGEST_DAYS, label="Keep their values for, in days")

    def __init__(self, data=None, *, actions: Sequence[str] = (), **kwargs):
        super().__init__(data, **kwargs)
        self.fields["prefix"].widget = forms.Select(choices=action_choices(actions))


class HoldForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        label="Reason",
        help_text=f"At least {SHORTEST_REASON} characters; it stands in the trail.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    prefix = forms.CharField(required=False, max_length=63, label="Events")  # type: ignore[assignment]
    actor_id = forms.CharField(required=False, max_length=64, label="Actor id", help_text="Of one person or agent.")
    target_id = forms.CharField(required=False, max_length=64, label="Object id", help_text="About one object.")
    since = forms.DateField(label="From", **_DAY)
    until = forms.DateField(label="To", **_DAY)

    def __init__(self, data=None, *, actions: Sequence[str] = (), **kwargs):
        super().__init__(data, **kwargs)
        self.fields["prefix"].widget = forms.Select(choices=action_choices(actions))

    @property
    def scope(self) -> dict:
        """What the service takes: whole days of UTC as moments."""
        data = self.cleaned_data
        since, until = data["since"], data["until"]
        return {
            "prefix": data["prefix"],
            "actor_id": data["actor_id"].strip(),
            "target_id": data["target_id"].strip(),
            "since": datetime.combine(since, time.min, UTC) if since else None,
            "until": datetime.combine(until, time.min, UTC) + timedelta(days=1) if until else None,
        }


class ReleaseForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        label="Why it is released",
        help_text=f"At least {SHORTEST_REASON} characters; it stands in the trail.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


def checked_filters(given: Mapping[str, str | None]) -> dict[str, str]:
    """The filters that are set, as galaxy.core.audit.search reads them. Raises Invalid, with a sentence for each that
    cannot be used or is none."""
    form = AuditFilterForm(given)
    wrong = {name: str(errors[0]) for name, errors in form.errors.items()}
    wrong |= {name: "There is no such filter." for name in given if name not in form.fields}
    if wrong:
        name, sentence = next(iter(wrong.items()))
        raise Invalid(f"{name}: {sentence}", wrong)
    return form.filters


def filters_in(query: str) -> dict[str, str] | None:
    """The filters in a query string, what is no filter left out; None where one of them cannot be used."""
    given = {name: values[-1] for name, values in parse_qs(query, max_num_fields=50).items()}
    form = AuditFilterForm(given)
    return form.filters if form.is_valid() else None


def _cleaned(query: str, workspace: Workspace) -> str:
    filters = filters_in(query)
    if filters is None:
        raise Invalid("These filters cannot be used, so the view was not kept.")
    return urlencode(filters)


TRAIL = KeptList(
    page="audit",
    permission="core.view_auditevent",
    label="Audit trail",
    words="the audit trail",
    list_url="core:audit-list",
    urls="core:audit-view",
    cleaned=_cleaned,
)
