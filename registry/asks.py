"""What a manifest asks for, in sentences: shown before consent, and for as long as it is installed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from galaxy.core.models import Workspace
from registry.manifests import ActionSpec, Manifest, scopes
from registry.manifests.readers import APPROVAL_TAGS
from registry.models import Extension

# What holds where a workspace has no rule of its own: (word, tone of its badge, sentence).
GATES = {
    "read": ("Allowed", "line", "For whoever may run extensions that read."),
    "write": ("Needs a grant", "info", "Only for people who may run extensions that write."),
    "delete": ("Needs approval", "warn", "Each call waits for another person’s yes."),
}
_ICONS = {"read": "eye", "write": "pencil", "delete": "trash-2"}
_TYPE_WORDS = {"date": "date", "date-time": "date and time", "email": "e-mail address", "uri": "link"}


@dataclass(frozen=True)
class Ask:
    """One scope: what it permits, which rule holds by default, what uses it and which data passes through.

    ``actions`` are names of actions, or for a pack the calls of its steps.
    """

    scope: str
    verb: str
    sentence: str
    actions: tuple[str, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    ruled: tuple[str, str, str] | None = None

    @property
    def gate(self) -> tuple[str, str, str]:
        """What stands before it: what the workspace's rules say (``told``), else what holds without any."""
        return self.ruled or GATES[self.verb]

    @property
    def icon(self) -> str:
        return _ICONS[self.verb]


@dataclass(frozen=True)
class Field:
    """One input or output: ``type`` in words, ``data_class`` or ""."""

    name: str
    type: str
    is_required: bool
    data_class: str
    about: str


def asks_of(manifest: Manifest) -> list[Ask]:
    """Every scope the manifest asks for, from reading to deleting."""
    actions = {action.name: action for action in manifest.actions.values()}
    return ordered(ask_for(scope, actions) for scope in manifest.scopes)


def asks_of_steps(manifest: Manifest, used: Mapping[str, Manifest]) -> list[Ask]:
    """What a pack asks for: the scopes of what its steps call. ``used`` maps what it requires to a manifest."""
    called = {step["use"] for step in manifest.steps}
    actions: dict[str, ActionSpec] = {}
    for slug, one in used.items():
        for name, action in one.actions.items():
            actions |= dict.fromkeys({f"{slug}.{name}", slug} & called, action)
    return ordered(ask_for(scope, actions) for scope in {one for action in actions.values() for one in action.scopes})


def ask_for(scope: str, actions: Mapping[str, ActionSpec]) -> Ask:
    """``scope`` as asked for by those of ``actions`` (by the name they are shown under) that need it."""
    users = {name: action for name, action in actions.items() if scope in action.scopes}
    verb = scopes.verb(scope)
    return Ask(
        scope=scope,
        verb=verb,
        sentence=scopes.sentence(scope),
        actions=tuple(users),
        classes=tuple(sorted({name for action in users.values() for name in action.classes})),
        notes=tuple(note for action in users.values() for note in _approval_notes(action, verb)),
    )


# For a workspace and what it would call: what its rules say of each scope that they speak of, as in GATES.
Teller = Callable[[Workspace, Extension, Manifest], Mapping[str, tuple[str, str, str]]]
_tellers: list[Teller] = []


def register_teller(teller: Teller) -> None:
    """Called once, when the app that knows the rules is ready."""
    _tellers[:] = [teller]


def told(asks: Iterable[Ask], workspace: Workspace, extension: Extension, manifest: Manifest) -> list[Ask]:
    """``asks`` with what the rules of ``workspace`` say of them."""
    said = _tellers[0](workspace, extension, manifest) if _tellers else {}
    return [replace(ask, ruled=said.get(ask.scope)) for ask in asks]


def ordered(asks: Iterable[Ask]) -> list[Ask]:
    """From reading to deleting."""
    return sorted(asks, key=lambda ask: (scopes.VERBS.index(ask.verb), ask.sentence))


def short_words(names: Iterable[str], most: int = 3) -> str:
    """Scopes as a card says them: "delete tasks, write tasks and 2 more"; "" for none. The mildest are cut off."""
    strong_first = sorted(names, key=lambda scope: (-scopes.VERBS.index(scopes.verb(scope)), scope))
    words = list(dict.fromkeys(f"{scopes.verb(scope)} {_last_word(scope)}" for scope in strong_first))
    rest = len(words) - most
    return f"{', '.join(words[:most])} and {rest} more" if rest > 0 else ", ".join(words)


def fields_of(schema: dict[str, Any]) -> list[Field]:
    """The fields of an object schema, required ones first."""
    required = set(schema.get("required", ()))
    fields = [
        Field(name, _type_words(one), name in required, one.get("x-data-class", ""), one.get("description", ""))
        for name, one in schema.get("properties", {}).items()
        if isinstance(one, dict)
    ]
    return sorted(fields, key=lambda field: not field.is_required)


def _approval_notes(action: ActionSpec, verb: str) -> list[str]:
    """What waits for approval beyond the rule of the verb itself; every delete does anyway."""
    if verb == "delete":
        return []
    notes = []
    if action.bulk:
        notes.append(f"{action.name}: more than {action.bulk['over']} in “{action.bulk['field']}” waits for approval.")
    if action.destructive:
        notes.append(f"{action.name}: each call destroys something and waits for approval.")
    said = ("bulk_", "delete") if action.bulk else ("delete",)
    tags = (tag for tag in action.approval_tags if not tag.startswith(said))
    return notes + [f"{action.name}: {_lower_first(APPROVAL_TAGS[tag])} waits for approval." for tag in tags]


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _last_word(scope: str) -> str:
    return scopes.resource(scope).rpartition(".")[2].replace("_", " ").replace("-", " ")


def _type_words(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "anything")
    kinds = [kind] if isinstance(kind, str) else [one for one in kind if one != "null"]
    if kinds == ["array"]:
        items = schema.get("items")
        return f"list of {_type_words(items)}" if isinstance(items, dict) else "list"
    if kinds == ["string"]:
        return _TYPE_WORDS.get(schema.get("format", ""), "text")
    return " or ".join({"boolean": "yes or no", "integer": "whole number"}.get(one, one) for one in kinds)
