"""Forms of the marketplace: shape and plain validation of what people type."""

from dataclasses import dataclass

from django import forms

from galaxy.core.fields import WordsField
from marketplace.models import Reach, VerificationLevel
from marketplace.search import Search
from registry.models import Kind

STATES = [("installed", "Installed"), ("available", "Not installed")]
SORTS = [("", "Best match"), ("name", "Name"), ("newest", "Newest"), ("reach", "Fewest permissions")]
_PLURALS = {kind: f"{label}s" for kind, label in Kind.choices}


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    count: int
    is_checked: bool
    id: str


@dataclass(frozen=True)
class Facet:
    """One group of choices beside the results, each with how many extensions there are under it."""

    name: str
    legend: str
    type: str
    options: list[Option]


class SearchForm(forms.Form):
    """One form sent by GET, so that every search is a link. What it cannot understand is left aside."""

    q = WordsField()
    kind = forms.MultipleChoiceField(required=False, choices=Kind.choices)
    level = forms.MultipleChoiceField(required=False, choices=VerificationLevel.choices)
    reach = forms.TypedChoiceField(required=False, choices=Reach.choices, coerce=int, empty_value=None)
    state = forms.MultipleChoiceField(required=False, choices=STATES)
    sort = forms.ChoiceField(required=False, choices=SORTS)

    @property
    def search(self) -> Search:
        self.is_valid()
        taken = self.cleaned_data
        return Search(
            q=taken.get("q", ""),
            kind=tuple(taken.get("kind", ())),
            level=tuple(taken.get("level", ())),
            reach=taken.get("reach"),
            state=tuple(taken.get("state", ())),
            sort=taken.get("sort", ""),
        )


def facets(wanted: Search, counts: dict) -> list[Facet]:
    """The facets of the page; ``counts`` is that of ``marketplace.search.Found``."""
    return [
        _facet("kind", "Kind", "checkbox", [(kind, _PLURALS[kind]) for kind in Kind.values], wanted.kind, counts),
        _facet("level", "Trust", "checkbox", reversed(VerificationLevel.choices), wanted.level, counts),
        _facet("reach", "Asks for at most", "radio", Reach.choices, (wanted.reach,), counts),
        _facet("state", "State", "checkbox", STATES, wanted.state, counts),
    ]


def _facet(name, legend, kind, choices, chosen, counts) -> Facet:
    options = [
        Option(str(value), label, counts.get((name, value), 0), value in chosen, f"{name}-{value}")
        for value, label in choices
    ]
    return Facet(name, legend, kind, options)
