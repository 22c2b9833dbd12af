"""The form of a draft: its manifest field by field. What has no field here stays as the text has it."""

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from django import forms
from django.forms.formsets import BaseFormSet, formset_factory
from django.http import QueryDict

from marketplace.workshop.field_values import (
    as_hosts,
    as_notation,
    as_words,
    of_hosts,
    of_notation,
    of_words,
    put,
    taken,
    text_of,
)
from registry.manifests import Finding
from registry.manifests.keys import ACTION, AUTH, AUTH_TYPES, MANIFESTS, METHODS, RATE_LIMITS, RETRY
from registry.manifests.shapes import Shape

MOST_ACTIONS = 200
CALLS = ("connector", "action")  # kinds that call somebody
ABOUT = {key.name: key.about for shape in MANIFESTS.values() for key in shape.keys}
_PLACE = re.compile(r"\[(\d+)\]")


class Value:
    """How one value of a manifest is shown in a field and read from it; ``path`` is where it stands below its part."""

    def __init__(
        self,
        *path: str,
        label: str,
        hint: str = "",
        of: Shape | None = None,
        show: Callable[[Any], str] = lambda value: "" if value is None else str(value),
        read: Callable[[str], Any] = lambda text: text or None,
        rows: int = 0,
        choices: Sequence[str] = (),
        longest: int = 60_000,
    ) -> None:
        self.path, self.label, self.show, self.read = path, label, show, read
        self.rows, self.choices, self.longest = rows, choices, longest
        about = {key.name: key.about for key in of.keys} if of else ABOUT
        self.hint = hint or about.get(path[-1], "").replace("`", "")

    def field(self) -> forms.Field:
        said: dict[str, Any] = {"required": False, "label": self.label, "help_text": self.hint}
        if self.choices:
            return forms.ChoiceField(choices=[("", "Not said"), *((one, one) for one in self.choices)], **said)
        widget: forms.Widget = forms.TextInput()
        if self.rows:
            widget = forms.Textarea(attrs={"rows": self.rows, "spellcheck": "false", "class": "textarea mono"})
        return forms.CharField(max_length=self.longest, widget=widget, **said)


def _number(text: str) -> Any:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else text or None


def _lines(*path: str, label: str, rows: int = 4, **said: Any) -> Value:
    return Value(*path, label=label, rows=rows, show=as_notation, read=of_notation, **said)


def _words(*path: str, label: str, **said: Any) -> Value:
    return Value(*path, label=label, show=as_words, read=of_words, **said)


_TYPES = (
    "A line each, such as title: string. Types are string, int, number, bool, date, datetime and email; a ? makes one "
    "optional, [] a list of them."
)
_FIXTURES = tuple(
    _lines("fixtures", name, label=label, rows=3, hint=hint)
    for name, label, hint in (
        ("happy", "When it works", "inputs, status and body of one call, such as status: 200."),
        ("401", "Without access (401)", "What the other side answers then."),
        ("429", "Too many calls (429)", "With its headers, such as Retry-After."),
        ("5xx", "Out of order (5xx)", "What it answers when it fails itself."),
    )
)
_PARTS: dict[str, tuple[Value, ...]] = {
    "about": (
        Value("name", label="Name", longest=200),
        Value("version", label="Version", longest=100),
        Value("summary", label="Summary", longest=600),
        Value("licence", label="Licence", longest=100),
        Value("homepage", label="Homepage", longest=2_000),
        _words("keywords", label="Keywords", hint="Words to be found by, with commas between."),
        Value("docs", label="Description", rows=6),
    ),
    "connection": (
        Value("base_url", label="Address", longest=2_000),
        Value("auth", "type", label="Signs in by", choices=AUTH_TYPES, of=AUTH),
        Value(
            "egress",
            label="Hosts",
            rows=3,
            show=as_hosts,
            read=of_hosts,
            hint="Every host it may reach, a line each: api.example.com GET,POST /v1.",
        ),
        _words("auth", "scopes", label="The vendor’s scopes", of=AUTH),
        Value("auth", "authorize_url", label="Consent screen", longest=2_000, hint="Where people agree, for oauth2."),
        Value(
            "auth", "token_url", label="Token endpoint", longest=2_000, hint="Where codes become tokens, for oauth2."
        ),
        Value("auth", "name", label="Header of the key", longest=100, hint="For api_key, such as X-Api-Key."),
        Value("rate_limits", "rpm", label="Calls a minute", read=_number, of=RATE_LIMITS, longest=20),
        Value(
            "retry",
            "strategy",
            label="Tries again",
            choices=("exponential", "fixed", "none"),
            of=RETRY,
        ),
        Value("retry", "max_attempts", label="Tries in all", read=_number, of=RETRY, longest=20),
    ),
    "call": (
        Value("method", label="Method", choices=METHODS, of=ACTION),
        Value("path", label="Path", of=ACTION, longest=2_000),
        Value("timeout_ms", label="Time for one call (ms)", read=_number, of=ACTION, longest=20),
        _lines("inputs", label="Inputs", hint=_TYPES),
        _lines("outputs", label="Outputs", hint="What it gives, a line each, in the same way."),
        _words("scopes", label="Scopes", of=ACTION, hint="Such as my-tasks.tasks.write, with commas between."),
        _words("errors", label="Fails with", of=ACTION, hint="Statuses, such as 401, 429, 5xx."),
        _lines("simulation", "answer", label="Answers in Sim Mode", rows=3, hint="Outputs: JMESPath over inputs."),
        *_FIXTURES,
    ),
    "record": (
        _lines("inputs", label="Takes", hint=_TYPES),
        _lines("outputs", label="Gives", hint="A line each, in the same way."),
        _lines("steps", label="Steps", rows=8),
        _lines("fixtures", "happy", label="Example", rows=3, hint="inputs and the outputs that must come of them."),
    ),
    "source": (
        Value("source", "type", label="Started by", choices=("webhook", "schedule")),
        Value("source", "cron", label="When", longest=100, hint="Five cron fields, for a schedule."),
        Value("source", "timezone", label="Time zone", longest=100, hint="Of the schedule; UTC when left out."),
        Value("source", "signature", label="Proves itself by", choices=("standard_webhooks", "hmac_sha256", "none")),
        _lines("outputs", label="Hands on", hint=_TYPES),
        _lines("fixtures", "happy", label="Sample event", rows=3),
    ),
    "flow": (
        _lines("requires", label="Needs", hint="Extensions with version ranges, a line each: hubspot: ^1.0."),
        _lines("inputs", label="Begins with", hint=_TYPES),
        _lines("steps", label="Steps", rows=10),
        _lines("outcome", label="Outcome", rows=3, hint="name, success (JMESPath) and signal, a line each."),
        _lines("sample", label="First run", rows=3, hint="inputs of a first run in Sim Mode."),
    ),
}
_NAMED = (
    Value("id", label="Id", of=ACTION, longest=100),
    Value("name", label="Name", of=ACTION, longest=200),
    Value("summary", label="Summary", of=ACTION, longest=600),
)
_OF_KIND = {
    "connector": (("about", "About"), ("connection", "Connection")),
    "action": (("about", "About"), ("connection", "Connection"), ("call", "Call")),
    "transform": (("about", "About"), ("record", "Record")),
    "trigger": (("about", "About"), ("source", "Event")),
    "pack": (("about", "About"), ("flow", "Steps and outcome")),
}


class Part(forms.Form):
    """Fields for the values of one map of the manifest; their names are the values' paths, joined by ``-``."""

    parts: ClassVar[tuple[Value, ...]] = ()

    @property
    def one_of(self) -> tuple[str, ...]:
        """None is called optional: what a version needs is among the findings."""
        return tuple(self.fields)

    def __init__(self, *args: Any, values: dict[str, Any] | None = None, title: str = "", **kwargs: Any) -> None:
        self.values, self.title = values or {}, title
        kwargs.pop("initial", None)  # a formset's own
        shown = {"-".join(one.path): one.show(taken(self.values, one.path)) for one in self.parts}
        super().__init__(*args, initial=shown, **kwargs)
        for one in self.parts:
            field = self.fields["-".join(one.path)] = one.field()
            if isinstance(field, forms.ChoiceField) and (other := shown["-".join(one.path)]) not in ("", *one.choices):
                field.choices = [*field.choices, (other, other)]  # what the text has is never lost for want of a choice

    @property
    def has_faults(self) -> bool:
        """For templates, where ``errors`` would be the field of that name."""
        return bool(self.errors)

    def write(self, values: dict[str, Any]) -> None:
        """What was typed into ``values``; a field that nobody touched leaves its value as it is written there."""
        for one in self.parts:
            name = "-".join(one.path)
            typed = self.cleaned_data.get(name, "").replace("\r\n", "\n")
            if typed != self.initial[name].strip():
                put(values, one.path, one.read(typed))

    def takes(self, path: Sequence[str]) -> str:
        """The field that the finding at ``path`` is of, "" where it is of none."""
        fits = [one for one in self.parts if tuple(path[: len(one.path)]) == one.path]
        return "-".join(max(fits, key=lambda one: len(one.path)).path) if fits else ""


def _part_of(name: str, values: tuple[Value, ...]) -> type[Part]:
    return type(f"{name.title()}Part", (Part,), {"parts": values})


_FORMS = {name: _part_of(name, values) for name, values in _PARTS.items()}
_ActionPart = _part_of("action", (*_NAMED[:2], *_PARTS["call"][:2], *_NAMED[2:], *_PARTS["call"][2:]))


class _Actions(BaseFormSet):
    """One form an action, in their order."""

    def __init__(self, *args: Any, actions: list[dict[str, Any]], **kwargs: Any) -> None:
        self.actions = actions
        super().__init__(*args, initial=[{} for _ in actions], **kwargs)

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["DELETE"].label = "Remove this action"

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        known = index is not None and index < len(self.actions)
        return {"values": self.actions[index] if known and index is not None else {}, "title": "New action"}

    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        form = super()._construct_form(i, **kwargs)
        if i < len(self.actions):
            form.title = str(self.actions[i].get("name") or self.actions[i].get("id") or f"Action {i + 1}")
        return form


_ActionSet = formset_factory(
    _ActionPart, formset=_Actions, extra=0, can_delete=True, max_num=MOST_ACTIONS, absolute_max=MOST_ACTIONS
)


class FieldsForm:
    """All fields of a draft. ``values`` are those of its text (``field_values.values_of``).

    Valid where each field can be read; what the manifest's reader says of them together comes from ``filled``.
    """

    def __init__(self, values: dict[str, Any], data: QueryDict | None = None) -> None:
        self.values = values
        self.kind = values["kind"] if "kind" in values else next(kind for kind in MANIFESTS if kind in values)
        self.parts = [
            _FORMS[name](data, prefix=name, values=values, title=title) for name, title in _OF_KIND[self.kind]
        ]
        self.actions: Any = None
        if self.kind == "connector":
            given = [one for one in values.get("actions") or [] if isinstance(one, dict)]
            self.actions = _ActionSet(_with_one_more(data), actions=given, prefix="actions")
        self.is_adding = data is not None and "add" in data and self.actions is not None
        self.findings: list[Finding] = []
        self.unplaced: list[Finding] = []

    @property
    def id(self) -> str:
        return str(self.values.get(self.kind) or self.values.get("id") or "")

    def is_valid(self) -> bool:
        found = [part.is_valid() for part in self.parts]
        if self.actions is not None:
            found.append(self.actions.is_valid())
        return all(found)

    def filled(self) -> str:
        """The text that says what was typed, "" where it is no manifest: then the fields carry the findings."""
        values = copy.deepcopy(self.values)
        for part in self.parts:
            part.write(values)
        kept: list[Any] = []
        if self.actions is not None:
            given = [one for one in values.get("actions") or [] if isinstance(one, dict)]
            actions = []
            for at, form in enumerate(self.actions.forms):
                action = given[at] if at < len(given) else {}
                if form.cleaned_data.get("DELETE"):
                    continue
                form.write(action)
                if action or at < len(given):
                    actions.append(action)
                    kept.append(form)
            values["actions"] = actions
        text, reading = text_of(values)
        self.findings = reading.findings
        self._place(reading.errors, kept)
        return text

    def _place(self, findings: Iterable[Finding], actions: list[Any]) -> None:
        for one in findings:
            path = [step for step in _PLACE.sub(r".\1", one.path).split(".") if step]
            for form, rest in self._owners(path, actions):
                if name := form.takes(rest):
                    form.add_error(name, f"{one.message} {one.fix}")
                    break
            else:
                self.unplaced.append(one)

    def _owners(self, path: list[str], actions: list[Any]) -> Iterator[tuple[Any, list[str]]]:
        if path[:1] == ["actions"] and len(path) > 1 and path[1].isdecimal() and int(path[1]) < len(actions):
            yield actions[int(path[1])], path[2:]
        for part in self.parts:
            yield part, path


class RevisionForm(forms.Form):
    """Which saved draft the fields were filled from."""

    revision = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput())


def _with_one_more(data: QueryDict | None) -> QueryDict | None:
    """The same with room for another action, where that was asked for."""
    if data is None or "add" not in data:
        return data
    total = data.get("actions-TOTAL_FORMS", "")
    more = data.copy()
    if total.isdecimal() and total.isascii() and len(total) < 4:
        more["actions-TOTAL_FORMS"] = str(min(MOST_ACTIONS, int(total) + 1))
    return more
