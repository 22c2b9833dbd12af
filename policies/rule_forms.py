"""The form of a rule: the whole vocabulary as fields, to and from the JSON of policies.rules.vocabulary.

A field bears the name of its place in that JSON with ``_`` for dots (``when_over`` is ``when.over``), so that what the
vocabulary or the service refuses comes back to the field it is about.
"""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.http import QueryDict

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.models import User
from policies.known import Known
from policies.models import Effect, Rule
from policies.rule_fields import SPARE_ROWS, NamesField, clock_field, number_field, several_field, zone_field
from policies.rules.parts import ACT_WORDS
from policies.rules.vocabulary import ANY, LEVELS, MAX_NEEDED, MAX_STEPS, PERIODS, REDACTIONS
from registry.manifests.scopes import VERBS
from registry.manifests.types import DATA_CLASSES
from registry.models import Kind

_DAYS = [(str(number), day) for number, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), start=1)]
_EFFECTS = {"read": "Reads", "write": "Writes", "delete": "Deletes"}
_REDACTIONS = {"mask": "Mask", "hash": "Hash", "tokenise": "Tokenise", "drop": "Drop"}
_FIELD_OF = {  # places that are more than one field, or none of that name
    "who": "who_people",
    "when_hours": "when_hours_days",
    "when_amount": "when_amount_field",
    "ask": "ask_reviewers",
    "ask_business_hours": "ask_business_hours_days",
    "ask_escalate": "step1_after_h",
    "obligations": "rate_count",
    "rate": "rate_count",
}

MOST_SUGGESTED = 20  # names in one field


class RuleForm(forms.Form):
    """``seen`` is the policy version that the form was opened at; ``confirmed`` says yes to the warnings."""

    title = forms.CharField(max_length=80, label="Name")
    effect = forms.ChoiceField(
        label="Then",
        choices=[(Effect.ALLOW, "Allow"), (Effect.REQUIRE_APPROVAL, "Ask a person"), (Effect.DENY, "Deny")],
        widget=forms.RadioSelect,
    )

    who_people = forms.BooleanField(required=False, label="People themselves")
    who_roles = several_field("Roles")
    who_agents = several_field("Agents")
    who_packs = NamesField(label="Packs", help_text="Calls made by the steps of a pack. Write any for all packs.")
    who_triggers = NamesField(label="Triggers", help_text="Calls that a trigger started. Write any for all triggers.")

    what_acts = several_field("To do what", list(ACT_WORDS.items()))
    what_effects = several_field("Effect", [(verb, _EFFECTS[verb]) for verb in VERBS])
    what_scopes = NamesField(label="Scopes", help_text="* stands for one part, ** for any: crm.**.write, **.delete.")
    what_extensions = NamesField(label="Extensions")
    what_actions = NamesField(label="Actions", help_text="As they are called: hubspot.create_task.")
    what_kinds = several_field("Kind", Kind.choices)
    what_levels = several_field("Verification", [(level, level.capitalize()) for level in LEVELS])

    when_over = forms.IntegerField(
        required=False, label="More records than", widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )
    when_classes = several_field("Carries", [(name, name.replace("_", " ").capitalize()) for name in DATA_CLASSES])
    when_destructive = forms.BooleanField(required=False, label="It cannot be undone (destructive)")
    when_new_destination = forms.BooleanField(required=False, label="It goes where nothing went before")
    when_amount_field = forms.CharField(
        required=False,
        max_length=160,
        label="Number in the inputs",
        widget=forms.TextInput(attrs={"list": "numbers", "placeholder": "invoice.total"}),
    )
    when_amount_over = number_field("Is more than")
    when_mode = forms.ChoiceField(
        required=False,
        label="Mode",
        choices=[("", "Live or simulated"), ("live", "Live only"), ("simulated", "Simulated only")],
    )
    when_hours_days = several_field("Days", _DAYS)
    when_hours_from = clock_field("From")
    when_hours_to = clock_field("To")
    when_hours_zone = zone_field()
    when_hours_outside = forms.ChoiceField(
        required=False, label="Holds", choices=[("", "Within these hours"), ("outside", "Outside them")]
    )

    ask_reviewers = forms.ChoiceField(required=False, label="Who answers")
    ask_needed = forms.TypedChoiceField(
        required=False, label="How many", coerce=int, choices=[(n, str(n)) for n in range(1, MAX_NEEDED + 1)], initial=1
    )
    ask_expires_h = number_field("Then no, after (hours)", initial=24)
    ask_second_factor = forms.BooleanField(required=False, label="Whoever answers shows a second factor")
    ask_business_hours_days = several_field("Days", _DAYS)
    ask_business_hours_from = clock_field("From")
    ask_business_hours_to = clock_field("To")
    ask_business_hours_zone = zone_field()

    rate_count = forms.IntegerField(
        required=False, label="At most", widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )
    rate_per = forms.ChoiceField(
        required=False, label="Calls per", choices=[("", "No limit"), *((one, one.capitalize()) for one in PERIODS)]
    )

    owner = forms.ChoiceField(label="Owner", help_text="Who answers for the rule.")
    reason = forms.CharField(
        max_length=500,
        label="Why",
        help_text="Stands in the history and in the audit trail.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    confirmed = forms.BooleanField(required=False, label="Save it all the same")

    def __init__(
        self,
        data=None,
        *,
        known: Known,
        owners: list[User],
        initial: dict[str, Any] | None = None,
        is_draft: bool = False,
    ):
        super().__init__(data, initial={"effect": Effect.REQUIRE_APPROVAL} | (initial or {}))
        self.known = known
        for name in ("title", "reason"):  # a draft can be looked at before it has either
            self.fields[name].required = not is_draft
        reviewers = self._reviewers()
        for number in range(1, MAX_STEPS + 1):
            self.fields[f"step{number}_after_h"] = number_field("After (hours)")
            self.fields[f"step{number}_to"] = forms.ChoiceField(
                required=False, label="Ask as well", choices=[("", "Nobody else"), *reviewers]
            )
        for name in DATA_CLASSES:
            self.fields[f"redact_{name}"] = forms.ChoiceField(
                required=False,
                label=name.replace("_", " ").capitalize(),
                choices=[("", "As usual (mask)"), *((mode, _REDACTIONS[mode]) for mode in REDACTIONS)],
            )
        self._choose("ask_reviewers", reviewers)
        self._choose("owner", self._with_gone("owner", [(str(user.pk), str(user)) for user in owners]))
        self._choose("who_roles", self._with_gone("who_roles", list(known.roles.items())))
        alive = [(pk, agent.name) for pk, agent in known.agents.items() if not agent.is_over]
        self._choose("who_agents", self._with_gone("who_agents", [(ANY, "Any agent"), *alive]))
        self._suggest("who_packs", [(ANY, "any pack"), *self._slugs(Kind.PACK)])
        self._suggest("who_triggers", [(ANY, "any trigger"), *known.triggers.items()])
        self._suggest("what_extensions", [(slug, one.name) for slug, one in known.extensions.items()])
        self._suggest("what_actions", [(one.target, one.effect) for one in known.actions.values()])
        scopes = known.scopes
        patterns = sorted({f"{scope.partition('.')[0]}.**.{scope.rpartition('.')[2]}" for scope in scopes})
        self._suggest("what_scopes", [*((one, "") for one in patterns), *((one, "") for one in scopes)])

    # --- What the page draws -------------------------------------------------------------------------------------

    @property
    def zones(self) -> list[str]:
        return sorted(available_timezones())

    @property
    def names(self) -> dict[str, dict[str, Any]]:
        """Fields of several inputs, by name: {field, rows, list_id, suggested}."""
        found = {}
        for name, field in self.fields.items():
            if isinstance(field, NamesField):
                values = [one for one in self[name].value() or () if one]
                found[name] = {
                    "field": self[name],
                    "rows": [*values, *[""] * SPARE_ROWS],
                    "list_id": f"{name}-known",
                    "suggested": field.suggested,
                }
        return found

    @property
    def steps(self) -> list[tuple[Any, Any]]:
        return [(self[f"step{number}_after_h"], self[f"step{number}_to"]) for number in range(1, MAX_STEPS + 1)]

    @property
    def redactions(self) -> list[Any]:
        return [self[f"redact_{name}"] for name in DATA_CLASSES]

    def is_used(self, *prefixes: str) -> bool:
        """Whether something is said, or wrong, in a field whose name begins so: its part of the form stands open."""
        return any(
            self[name].value() or self[name].errors
            for name in self.fields
            if name.startswith(prefixes) and name != "ask_needed"
        )

    @property
    def open(self) -> dict[str, bool]:
        """Which of the parts that can be folded stand open."""
        return {
            "who": self.is_used("who_packs", "who_triggers"),
            "what": self.is_used("what_actions", "what_kinds", "what_levels", "what_acts"),
            "amount": self.is_used("when_amount"),
            "hours": self.is_used("when_hours"),
            "classes": self.is_used("when_classes"),
            "steps": self.is_used("step"),
            "business": self.is_used("ask_business_hours"),
            "redact": self.is_used("redact_"),
        }

    # --- To and from the vocabulary -------------------------------------------------------------------------------

    @property
    def values(self) -> dict[str, Any]:
        """What was filled in, as JSON for ``Rule.from_json``; {} of whatever was not said. Needs a valid form."""
        data = self.cleaned_data
        effect = data["effect"]
        return {
            "title": data["title"] or "Draft",
            "effect": effect,
            "who": _said(
                {name: data.get(f"who_{name}") for name in ("people", "roles", "agents", "packs", "triggers")}
            ),
            "what": _said(
                {
                    name: data[f"what_{name}"]
                    for name in ("acts", "scopes", "extensions", "actions", "kinds", "effects", "levels")
                }
            ),
            "when": _said(
                {
                    "classes": data["when_classes"],
                    "over": data["when_over"],
                    "destructive": data["when_destructive"],
                    "amount": _said({"field": data["when_amount_field"], "over": data["when_amount_over"]}),
                    "new_destination": data["when_new_destination"],
                    "mode": data["when_mode"],
                    "hours": self._hours("when_hours"),
                }
            ),
            "ask": self._ask() if effect == Effect.REQUIRE_APPROVAL else {},
            "obligations": self._obligations() if effect != Effect.DENY else {},
        }

    def see(self, version: int) -> None:
        """From here on the form is made against that policy version: its page shows what changed meanwhile."""
        self.data = self.data.copy()
        self.data["seen"] = str(version)

    def refuse(self, error: Invalid) -> None:
        """Put a refusal beside the fields it is about; its ``fields`` are places, such as ``when.over``."""
        fields = {self._field_of(place): sentence for place, sentence in error.fields.items()}
        add_refusals(self, type(error)(str(error), fields) if fields else error)

    def _field_of(self, place: str) -> str:
        name = place.replace(".", "_").removeprefix("obligations_")
        while name and name not in self.fields:
            name = _FIELD_OF.get(name) or name.rpartition("_")[0]
        return name

    def _hours(self, prefix: str) -> dict[str, Any]:
        data = self.cleaned_data
        said = _said(
            {
                "days": [int(day) for day in data[f"{prefix}_days"]],
                "from": data[f"{prefix}_from"],
                "to": data[f"{prefix}_to"],
                "zone": data[f"{prefix}_zone"],
            }
        )
        return said | ({"outside": True} if said and data.get(f"{prefix}_outside") else {})

    def _ask(self) -> dict[str, Any]:
        data = self.cleaned_data
        steps = [
            {"after_h": data[f"step{number}_after_h"], "to": data[f"step{number}_to"]}
            for number in range(1, MAX_STEPS + 1)
        ]
        return _said(
            {
                "reviewers": data["ask_reviewers"],
                "needed": data["ask_needed"],
                "expires_h": data["ask_expires_h"],
                "second_factor": data["ask_second_factor"],
                "escalate": [step for step in steps if step["to"] or step["after_h"] is not None],
                "business_hours": self._hours("ask_business_hours"),
            }
        )

    def _obligations(self) -> dict[str, Any]:
        data = self.cleaned_data
        return _said(
            {
                "redact": _said({name: data[f"redact_{name}"] for name in DATA_CLASSES}),
                "rate": _said({"count": data["rate_count"], "per": data["rate_per"]}),
            }
        )

    # --- Choices ----------------------------------------------------------------------------------------------------

    def _reviewers(self) -> list[tuple[str, str]]:
        known = self.known
        refs = [
            "approvers",
            *(f"group:{pk}" for pk, group in known.groups.items() if not group.is_over),
            *(f"role:{role}" for role in known.roles),
            *(f"person:{pk}" for pk in known.people),
        ]
        kept = {
            self.initial.get("ask_reviewers"),
            *(self.initial.get(f"step{one}_to") for one in range(1, MAX_STEPS + 1)),
        }
        refs += sorted(ref for ref in kept if ref and ref not in refs)  # what is gone stays visible until it is changed
        return [(ref, f"{_capital(known.called(ref))} ({len(known.answering(ref))})") for ref in refs]

    def _with_gone(self, name: str, choices: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """``choices`` and what the rule names beyond them, which stays in sight until somebody takes it out."""
        named = self.initial.get(name, ())
        known, agents = dict(choices), self.known.agents
        gone = [one for one in ([named] if isinstance(named, str) else named) if one not in known]
        called = {pk: agents[pk].name if pk in agents else self.known.people.get(pk, pk[:8]) for pk in gone}
        return [*choices, *((pk, f"{called[pk]} (not any more)") for pk in gone)]

    def _slugs(self, kind: str) -> list[tuple[str, str]]:
        return [(slug, self.known.extensions[slug].name) for slug in self.known.slugs(kind)]

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def _suggest(self, name: str, suggested: list[tuple[str, str]]) -> None:
        self.fields[name].suggested = suggested  # type: ignore[attr-defined]


def initial_of(rule: Rule) -> dict[str, Any]:
    """A stored rule as the form's first values."""
    when, ask, duties = rule.when, rule.ask, rule.obligations
    hours, business = when.get("hours", {}), ask.get("business_hours") or {}
    found = {f"who_{name}": value for name, value in rule.who.items()}
    found |= {f"what_{name}": value for name, value in rule.what.items()}
    found |= {f"when_{name}": value for name, value in when.items() if name not in ("hours", "amount")}
    found |= {f"when_amount_{name}": value for name, value in when.get("amount", {}).items()}
    found |= {f"when_hours_{name}": value for name, value in hours.items()}
    found |= {f"ask_{name}": value for name, value in ask.items() if name not in ("escalate", "business_hours")}
    found |= {f"ask_business_hours_{name}": value for name, value in business.items()}
    for number, step in enumerate(ask.get("escalate", ())[:MAX_STEPS], start=1):
        found |= {f"step{number}_{name}": value for name, value in step.items()}
    found |= {f"redact_{name}": mode for name, mode in duties.get("redact", {}).items()}
    found |= {f"rate_{name}": value for name, value in duties.get("rate", {}).items()}
    for name in ("when_hours_days", "ask_business_hours_days"):
        found[name] = [str(day) for day in found.get(name, ())]
    found["when_hours_outside"] = "outside" if hours.get("outside") else ""
    return found | {"title": rule.title, "effect": rule.effect, "owner": str(rule.owner_id)}


def suggested_by(query: QueryDict) -> dict[str, Any]:
    """First values of a new rule that a link suggests: what it is about, and that it denies or asks. None that allows,
    and no reason: whoever follows a link says why."""
    found: dict[str, Any] = {}
    if title := query.get("title", "").replace("\x00", "")[:80]:
        found["title"] = title
    if query.get("effect") in (Effect.DENY, Effect.REQUIRE_APPROVAL):
        found["effect"] = query["effect"]
    for name in ("what_extensions", "what_scopes", "what_actions"):
        if named := [one.replace("\x00", "")[:160] for one in query.getlist(name)[:MOST_SUGGESTED] if one]:
            found[name] = named
    return found


class ReasonForm(forms.Form):
    """Why something is done to the rules, and the policy version that its page showed."""

    reason = forms.CharField(
        max_length=500,
        label="Why",
        help_text="Stands in the history and in the audit trail.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """``values`` without what was left empty; zero is something."""
    return {name: value for name, value in values.items() if value or (value == 0 and value is not False)}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
