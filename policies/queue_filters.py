"""Filters of the approval queue and of its history: one GET form, so that every view of them is a link."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict
from django.utils import timezone

from galaxy.core.fields import WordsField
from galaxy.core.models import User, Workspace
from galaxy.core.saved_views import KeptList
from policies.models import Approval, ApprovalQuerySet, Rule, Vote
from registry.manifests.types import DATA_CLASSES
from registry.models import Installation

KINDS = {
    "run": "Calls",
    "install": "Installs",
    "upgrade": "Upgrades",
    "widen": "Wider scopes",
    "auto_approval": "Auto-Approve",
}
OUTCOMES = [(status.value, status.label) for status in Approval.Status if status != Approval.Status.PENDING]
ENDING = {"1h": timedelta(hours=1), "4h": timedelta(hours=4)}
WAITED = {"old4h": timedelta(hours=4), "old1d": timedelta(days=1)}
ASKED = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30), "365d": timedelta(days=365)}
WHEN = [
    ("", "Any time"),
    ("1h", "Ends within an hour"),
    ("4h", "Ends within 4 hours"),
    ("old4h", "Waits longer than 4 hours"),
    ("old1d", "Waits longer than a day"),
    ("1d", "Asked in the last 24 hours"),
    ("7d", "Asked in the last 7 days"),
    ("30d", "Asked in the last 30 days"),
    ("365d", "Asked in the last year"),
]
DEFAULTS = "0"  # the value of the filter "rule" that stands for the defaults
FEWEST_HEX = 8  # of a digest, before a word is taken for the beginning of one


class QueueFilterForm(forms.Form):
    """All optional. An odd value of one is dropped and never an error: a link that grew old still opens the queue."""

    q = WordsField(label="Words")
    kind = forms.ChoiceField(required=False, label="Kind", choices=[("", "Any kind"), *KINDS.items()])
    extension = forms.ChoiceField(required=False, label="Extension")
    by = forms.CharField(required=False, max_length=80, label="Asked by or through")
    carries = forms.ChoiceField(
        required=False, label="Data class", choices=[("", "Any data"), *((one, one) for one in DATA_CLASSES)]
    )
    rule = forms.ChoiceField(required=False, label="Rule")
    mode = forms.ChoiceField(
        required=False, label="Mode", choices=[("", "Any mode"), ("live", "Live"), ("simulated", "Simulated")]
    )
    when = forms.ChoiceField(required=False, label="Age", choices=WHEN)
    to = forms.ChoiceField(
        required=False,
        label="Whose",
        choices=[("", "Anybody's"), ("me", "Mine to decide"), ("assigned", "Handed over to me")],
    )
    outcome = forms.ChoiceField(required=False, label="Outcome", choices=[("", "Any outcome"), *OUTCOMES])

    def __init__(self, data: QueryDict, *, workspace: Workspace, tab: str):
        super().__init__(data)
        self.workspace, self.tab = workspace, tab
        for name in ("to",) if tab != "waiting" else ("outcome",):
            del self.fields[name]
        # Read only where the field is shown or used, so that the plain queue asks nothing for its filters.
        self.fields["extension"] = _LazyChoice(label="Extension", read=self._extensions)
        self.fields["rule"] = _LazyChoice(label="Rule", read=self._rules)
        for name, field in self.fields.items():
            if isinstance(field, forms.ChoiceField):
                field.widget.attrs["class"] = "select"
            elif name != "q":
                field.widget.attrs["class"] = "input"

    def _extensions(self) -> list[tuple[str, str]]:
        rows = Installation.objects.in_workspace(self.workspace).order_by("extension__name")
        named = dict(rows.values_list("extension__slug", "extension__name"))
        return [("", "Any extension"), *named.items()]

    def _rules(self) -> list[tuple[str, str]]:
        rows = Rule.objects.in_workspace(self.workspace).order_by("number").values_list("number", "title")
        return [
            ("", "Any rule"),
            (DEFAULTS, "The defaults"),
            *((str(number), f"{number} · {title}") for number, title in rows),
        ]

    @property
    def selects(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name != "q"]

    @property
    def given(self) -> dict[str, str]:
        """The filters that are set, by name, as a link carries them."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    @property
    def query(self) -> str:
        """What a saved view keeps: the filters and the tab, never a position in the list."""
        query = QueryDict(mutable=True)
        query.update({"tab": self.tab} | self.given)
        return query.urlencode()

    @property
    def shown(self) -> list[tuple[str, str, str]]:
        """(label, value in words, query string without it) of each filter that is set."""
        found = []
        for name, value in self.given.items():
            query = QueryDict(mutable=True)
            query.update({"tab": self.tab} | {other: kept for other, kept in self.given.items() if other != name})
            words = dict(getattr(self.fields[name], "choices", ())).get(value, value)
            found.append((str(self.fields[name].label), str(words), query.urlencode()))
        return found

    def apply(self, rows: ApprovalQuerySet, due: Callable[[], ApprovalQuerySet], user: User) -> ApprovalQuerySet:
        """``rows`` under the filters given; ``due()`` are those that ``user`` can decide."""
        given, now = self.given, timezone.now()
        if words := given.get("q"):
            rows = rows.filter(_about(words))
        if kind := given.get("kind"):
            rows = rows.filter(subject_kind=kind)
        if slug := given.get("extension"):
            of_it = Q(installation__extension__slug=slug) | Q(target=slug) | Q(target__startswith=f"{slug}.")
            rows = rows.filter(of_it)
        if name := given.get("by"):
            rows = rows.filter(Q(requested_by__name__icontains=name) | Q(agent__name__icontains=name))
        if given.get("carries"):
            rows = rows.filter(data_classes__contains=[given["carries"]])
        if number := given.get("rule"):
            rows = rows.filter(decision__rules__contains=[int(number)])
        if mode := given.get("mode"):
            rows = rows.filter(simulated=mode == "simulated")
        if outcome := given.get("outcome"):
            over = Q(status=outcome)
            if outcome == Approval.Status.EXPIRED:
                over |= Q(status=Approval.Status.PENDING, expires_at__lte=now)
            rows = rows.filter(over)
        if to := given.get("to"):
            rows = rows.filter(pk__in=due().values("pk")) if to == "me" else rows.filter(assigned_to=user)
        return rows.filter(_at(given.get("when", ""), now))

    def full_clean(self) -> None:
        super().full_clean()
        for name in list(self.errors):
            self.cleaned_data[name] = ""
        self.errors.clear()


class _LazyChoice(forms.ChoiceField):
    """A choice whose values are read from the database once somebody looks at them."""

    def __init__(self, *, read: Any, **options: Any):
        super().__init__(required=False, choices=read, **options)

    def validate(self, value: Any) -> None:
        if value:
            super().validate(value)


def cleaned_query(text: str, workspace: Workspace) -> str:
    """A query string as a view keeps it: of what came with it, only tab and filters that the queue knows."""
    data = QueryDict(text[:1000])
    return QueueFilterForm(data, workspace=workspace, tab=data.get("tab", "waiting")).query


QUEUE = KeptList(
    page="approvals",
    permission="core.view_installation",
    label="Approvals",
    words="the approval queue",
    list_url="policies:approval-list",
    urls="policies:view",
    cleaned=cleaned_query,
)


def _about(words: str) -> Q:
    """By what it is about, who asked, who decided, or what either of them wrote; or by its digest."""
    votes = Vote.objects.filter(workspace=OuterRef("workspace"), approval=OuterRef("pk"))
    said = votes.filter(Q(reason__icontains=words) | Q(reviewer__name__icontains=words))
    found = Q(summary__icontains=words) | Q(target__icontains=words) | Q(Exists(said))
    found |= Q(requested_by__name__icontains=words) | Q(agent__name__icontains=words)
    if len(words) >= FEWEST_HEX and all(letter in "0123456789abcdef" for letter in words.lower()):
        found |= Q(digest__startswith=words.lower())
    return found


def _at(when: str, now) -> Q:
    if when in ENDING:
        return Q(expires_at__lte=now + ENDING[when])
    if when in WAITED:
        return Q(requested_at__lte=now - WAITED[when])
    return Q(requested_at__gte=now - ASKED[when]) if when in ASKED else Q()
