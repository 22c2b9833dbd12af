"""Form fields for what an action, transform or pack takes, made from the JSON Schema of its inputs.

Scalars, choices and lists of text get a control of their own; whatever is nested is typed as JSON. The schema itself
is the gate's to check: these fields turn what a person types into values of the right type and say where they cannot.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms

from sandbox.json_input import JSONText

WHOLE = ""  # the property name that stands for all inputs at once, where the schema names none
LONG_TEXTS = {"body", "content", "description", "message", "note", "notes", "text"}
LONG_FROM = 200  # characters that a schema must allow before a text gets more than one line
DAY_AND_TIME = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True)
class Input:
    """One property as a field: ``field`` cleans to a value for the gate, None meaning "leave it out"."""

    name: str
    field: forms.Field


def inputs_of(schema: dict[str, Any]) -> list[Input]:
    """The fields for an object schema, required ones first, otherwise in the order of the schema."""
    properties = schema.get("properties", {})
    if not properties:
        if schema.get("additionalProperties") is False:
            return []
        return [Input(WHOLE, JSONText(label="Inputs", help_text="One JSON object.", shape=dict, required=False))]
    required = set(schema.get("required", ()))
    names = sorted(properties, key=lambda name: name not in required)
    return [Input(name, field_for(name, resolved(properties[name], schema), name in required)) for name in names]


def field_for(name: str, part: dict[str, Any], required: bool) -> forms.Field:
    """``part`` is the property's schema with references resolved."""
    kind = kind_of(part)
    options = {"label": words_of(name, part), "required": required, "help_text": part.get("description", "")}
    if "const" in part or "enum" in part:
        return Choice(part.get("enum", [part.get("const")]), **options)
    if kind == "boolean":
        return Switch(**options)
    if kind == "integer":
        return forms.IntegerField(min_value=part.get("minimum"), max_value=part.get("maximum"), **options)
    if kind == "number":
        return Number(min_value=part.get("minimum"), max_value=part.get("maximum"), **options)
    if kind == "string":
        return text_field(name, part, options)
    if kind == "array" and kind_of(part.get("items") or {}) == "string":
        return Lines(**hinted(options, "One per line."))
    shape = {"array": list, "object": dict}.get(kind)
    return JSONText(shape=shape, **hinted(options, json_hint(part)))


def text_field(name: str, part: dict[str, Any], options: dict[str, Any]) -> forms.Field:
    match part.get("format"):
        case "date":
            return Day(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)
        case "date-time":
            return Moment(**hinted(options, "Time in UTC."))
        case "email":
            return forms.CharField(widget=forms.EmailInput, empty_value=None, **options)
        case "uri":
            return forms.CharField(widget=forms.URLInput, empty_value=None, **options)
    is_long = name in LONG_TEXTS or part.get("maxLength", 0) > LONG_FROM
    return Text(widget=forms.Textarea(attrs={"rows": 4}) if is_long else forms.TextInput, **options)


def typed(field: forms.Field, value: Any) -> Any:
    """A value of a sample or an earlier run as the control of ``field`` shows it."""
    match field:
        case JSONText():
            return json.dumps(value, indent=2, ensure_ascii=False)
        case Choice():
            return str(field.values.index(value)) if value in field.values else None
        case Switch():
            return {True: "true", False: "false"}.get(value)
        case Lines():
            return "\n".join(map(str, value)) if isinstance(value, list) else value
        case Moment():
            return _without_zone(value)
    return value


def kind_of(part: dict[str, Any]) -> str:
    """The one JSON type of a schema, null aside; "" where it may be several."""
    kinds = part.get("type", "")
    if isinstance(kinds, str):
        return kinds
    named = [kind for kind in kinds if kind != "null"]
    return named[0] if len(named) == 1 else ""


def resolved(part: Any, root: dict[str, Any]) -> dict[str, Any]:
    """``part`` with a reference to ``#/$defs/NAME`` of ``root`` followed; manifests allow no circles."""
    while isinstance(part, dict) and "$ref" in part:
        part = root.get("$defs", {}).get(part["$ref"].removeprefix("#/$defs/"), {})
    return part if isinstance(part, dict) else {}


def words_of(name: str, part: dict[str, Any]) -> str:
    """``due_at`` as "Due at", unless the schema has a title."""
    plain = name.replace("_", " ").replace("-", " ").strip()
    return part.get("title") or plain[:1].upper() + plain[1:] or name


def json_hint(part: dict[str, Any]) -> str:
    """Which names an object takes, as the field's hint says it."""
    names = list(part.get("properties", {}))
    required = [name for name in names if name in part.get("required", ())]
    optional = [name for name in names if name not in required]
    hint = f"JSON with {', '.join(required)}" if required else "JSON"
    if optional:
        hint += f"; {'also' if required else 'with'} {', '.join(optional)} if you like"
    return f"{hint}."


def _without_zone(text: Any) -> Any:
    """``2026-11-25T15:00:00+01:00`` as the control wants it: 14:00 in UTC, no zone; anything else as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return text
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def hinted(options: dict[str, Any], hint: str) -> dict[str, Any]:
    return options | {"help_text": f"{options['help_text']} {hint}".strip()}


class Text(forms.CharField):
    """Text as it was typed; browsers send line ends as CR LF, which no vendor wants."""

    def __init__(self, **options):
        super().__init__(strip=False, empty_value=None, **options)

    def to_python(self, value):
        value = super().to_python(value)
        return value.replace("\r\n", "\n") if value else value


class Number(forms.FloatField):
    """A number; a whole one stays whole, since 3.0 and 3 are different bytes to a digest."""

    def clean(self, value):
        number = super().clean(value)
        return int(number) if number is not None and number.is_integer() else number


class Choice(forms.TypedChoiceField):
    """One of the values of an enum, whatever their type; the control carries their positions."""

    def __init__(self, values: list[Any], **options):
        self.values = values
        blank = [("", "Choose…")] if options["required"] else [("", "Leave out")]
        choices = [(str(at), value if isinstance(value, str) else json.dumps(value)) for at, value in enumerate(values)]
        super().__init__(choices=blank + choices, coerce=lambda at: values[int(at)], empty_value=None, **options)


class Switch(forms.TypedChoiceField):
    """Yes, no, or left out: a checkbox could not say the third."""

    def __init__(self, **options):
        blank = [("", "Choose…")] if options["required"] else [("", "Leave out")]
        yes_or_no = [("true", "Yes"), ("false", "No")]
        super().__init__(choices=blank + yes_or_no, coerce=lambda word: word == "true", empty_value=None, **options)


class Day(forms.DateField):
    """A date as ISO 8601 text."""

    def clean(self, value):
        day = super().clean(value)
        return day.isoformat() if day else None


class Moment(forms.DateTimeField):
    """A point in time as RFC 3339 text in UTC."""

    def __init__(self, **options):
        widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format=DAY_AND_TIME)
        super().__init__(widget=widget, **options)

    def clean(self, value):
        moment = super().clean(value)
        return moment.astimezone(UTC).strftime(f"{DAY_AND_TIME}Z") if moment else None


class Lines(forms.CharField):
    """A list of texts, one per line; empty lines say nothing."""

    def __init__(self, **options):
        super().__init__(widget=forms.Textarea(attrs={"rows": 3}), empty_value=None, **options)

    def clean(self, value):
        lines = super().clean(value)
        return [line.strip() for line in lines.splitlines() if line.strip()] if lines else None
