"""Forms of the marketplace: shape and plain validation of what people type."""

from dataclasses import dataclass

from django import forms

from galaxy.core.fields import WordsField
from marketplace.models import Reach, VerificationLevel
from marketplace.search.engine import Count, Search
from marketplace.search.facets import CAPABILITIES, HEALTHS, RECENCIES
from registry.manifests.types import DATA_CLASSES
from registry.models import Kind

STATES = [("installed", "Installed"), ("waiting", "Update waiting"), ("available", "Not installed")]
SORTS = [
    ("", "Best match"),
    ("used", "Most used"),
    ("newest", "Newest"),
    ("reach", "Fewest permissions"),
    ("name", "Name"),
]
MOST_SCOPES = 8  # shown; those that are chosen come first
MAX_CHOSEN = 40  # of one facet
OPEN = {"kind", "level", "reach", "state"}  # the others open on a click, or where something of them is chosen
_PLURALS = {kind: f"{label}s" for kind, label in Kind.choices}
_CLASSES = [(name, name.replace("_", " ").capitalize()) for name in DATA_CLASSES]


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    count: Count
    is_checked: bool
    id: str


@dataclass(frozen=True)
class Facet:
    """One group of choices beside the results, each with how many extensions there are under it."""

    name: str
    legend: str
    type: str
    options: list[Option]
    is_open: bool = True

    @property
    def chosen(self) -> int:
        return sum(option.is_checked for option in self.options)


class ScopesField(forms.Field):
    """Resources of scopes, such as ``crm.tasks``; a list of whatever was sent, in a bounded number."""

    widget = forms.SelectMultiple

    def to_python(self, value):
        return [one[:120] for one in value or () if one and "\x00" not in one][:MAX_CHOSEN]


class SearchForm(forms.Form):
    """One form sent by GET, so that every search is a link. What it cannot understand is left aside."""

    q = WordsField()
    kind = forms.MultipleChoiceField(required=False, choices=Kind.choices)
    level = forms.MultipleChoiceField(required=False, choices=VerificationLevel.choices)
    reach = forms.ChoiceField(required=False, choices=Reach.choices)
    does = forms.MultipleChoiceField(required=False, choices=CAPABILITIES.items())
    scope = ScopesField(required=False)
    health = forms.MultipleChoiceField(required=False, choices=HEALTHS.items())
    updated = forms.ChoiceField(required=False, choices=RECENCIES.items())
    state = forms.MultipleChoiceField(required=False, choices=STATES)
    sort = forms.ChoiceField(required=False, choices=SORTS)

    @property
    def search(self) -> Search:
        self.is_valid()
        taken = self.cleaned_data
        lists = {name: tuple(taken.get(name) or ()) for name in ("kind", "level", "does", "scope", "data", "health")}
        single = {name: (taken[name],) for name in ("reach", "updated") if taken.get(name)}
        return Search(
            q=taken.get("q", ""),
            filters={name: values for name, values in (lists | single).items() if values},
            state=tuple(taken.get("state") or ()),
            sort=taken.get("sort", ""),
            place=self.data.get("after", ""),
            as_typed=self.data.get("as_typed", "") == "1",
        )


class _Shared(dict):
    """Fields that a form does not copy for itself: this one is read, never changed nor rendered."""

    def __deepcopy__(self, memo):
        return self


# ``data`` is no attribute of the class: a form has a ``data`` of its own.
SearchForm.base_fields = _Shared(
    SearchForm.base_fields, data=forms.MultipleChoiceField(required=False, choices=_CLASSES)
)


def facets(wanted: Search, counts: dict[tuple[str, str], Count]) -> list[Facet]:
    """The facets of the page; ``counts`` is that of ``marketplace.search.engine.Found``."""
    scopes = sorted(
        (value for facet, value in counts if facet == "scope"), key=lambda one: (-counts["scope", one].number, one)
    )
    chosen = list(wanted.filters.get("scope", ()))
    named = [(one, one) for one in dict.fromkeys(chosen + scopes[:MOST_SCOPES])]
    groups = [
        ("kind", "Kind", "checkbox", [(kind, _PLURALS[kind]) for kind in Kind.values]),
        ("level", "Trust", "checkbox", list(reversed(VerificationLevel.choices))),
        ("reach", "Asks for at most", "radio", [(str(value), label) for value, label in Reach.choices]),
        ("state", "State", "checkbox", STATES),
        ("does", "Capability", "checkbox", list(CAPABILITIES.items())),
        ("scope", "Scopes asked", "checkbox", named),
        ("data", "Data classes", "checkbox", _CLASSES),
        ("health", "Health", "checkbox", list(HEALTHS.items())),
        ("updated", "Updated within", "radio", list(RECENCIES.items())),
    ]
    return [_facet(*group, wanted, counts) for group in groups]


def _facet(name: str, legend: str, type: str, choices, wanted: Search, counts) -> Facet:
    chosen = wanted.state if name == "state" else wanted.filters.get(name, ())
    options = [
        Option(value, label, counts.get((name, value), Count(0)), value in chosen, f"{name}-{value}")
        for value, label in choices
    ]
    return Facet(name, legend, type, options, is_open=name in OPEN or bool(chosen))
