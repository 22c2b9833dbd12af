"""The texts of made-up listings: a manifest is read once for each kind, field, thing and verb, then filled in."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from marketplace.seeding.concepts import FIELDS, PER_MAKER, VERBS, Concept
from registry.manifests import Manifest, load, read

MARK = "(seed)"  # at the end of every publisher's name
SLUG, NAME, SUMMARY, MAKER = "seed-slug-token", "Seed name token", "Seed summary token.", "seed-maker-token"
_FIXTURES = """
    fixtures:
      happy: { status: 200, body: { id: t1 } }
      "401": { status: 401, body: {} }
      "429": { status: 429, headers: { Retry-After: "2" }, body: {} }
      5xx: { status: 503, body: {} }"""


@dataclass(frozen=True)
class Text:
    """The words of one listing, and its manifest as canonical text."""

    slug: str
    name: str
    summary: str
    publisher: str
    manifest: str

    @property
    def manifest_digest(self) -> str:
        return hashlib.sha256(self.manifest.encode()).hexdigest()

    @property
    def digest(self) -> str:
        """As ``registry.manifests.version_digest``: the parts stand in this order in RFC 8785."""
        return hashlib.sha256(f'{{"files":{{}},"manifest":{self.manifest}}}'.encode()).hexdigest()


def text_of(concept: Concept) -> Text:
    maker = concept.maker
    slug = maker.lower()
    if concept.thing:
        slug = f"{slug}-{concept.verb or concept.kind}-{concept.thing}-{concept.number % PER_MAKER}"
    name, summary = _name(concept), _summary(concept)
    manifest = _template_text(concept.kind, concept.field, concept.thing, concept.verb)
    for token, value in ((SLUG, slug), (NAME, name), (SUMMARY, summary), (MAKER, maker.lower())):
        manifest = manifest.replace(token, json.dumps(value, ensure_ascii=False)[1:-1])
    return Text(slug, name, summary, f"{maker} {MARK}", manifest)


@cache
def template(kind: str, field: str, thing: str, verb: str) -> Manifest:
    """A manifest that a person could have written, with tokens in the place of names. Raises ValueError."""
    things = [thing] if thing else list(FIELDS[field])
    words = [field, *(word for one in things for word in (FIELDS[field][one]))]
    head = f"{kind}: {SLUG}\nversion: 1.0.0\nname: {NAME}\nsummary: {SUMMARY}\nkeywords: [{', '.join(words)}]\n"
    reading = read(head + _BODIES[kind](field, thing, verb), format="yaml")
    if reading.manifest is None or reading.manifest.missing:
        raise ValueError([finding.message for finding in reading.findings], kind)
    return reading.manifest


@cache
def _template_text(kind: str, field: str, thing: str, verb: str) -> str:
    return template(kind, field, thing, verb).canonical_text


def filled(text: Text) -> Manifest:
    return load(json.loads(text.manifest))


def _name(concept: Concept) -> str:
    thing, maker = plural(concept.thing), concept.maker
    match concept.kind:
        case "connector":
            return maker
        case "transform":
            return f"Tidy {thing} from {maker}"
        case "trigger":
            return f"New {concept.thing} in {maker}"
        case "pack":
            return f"{concept.thing.capitalize()} follow-up with {maker}"
    return f"{concept.verb.capitalize()} {thing} in {maker}"


def _summary(concept: Concept) -> str:
    says = VERBS[concept.verb][2] if concept.verb else ""
    beside = f"next to its {plural(concept.beside)}" if concept.beside else ""
    match concept.kind:
        case "connector":
            things = [plural(one) for one in FIELDS[concept.field]]
            return f"Works with {', '.join(things[:-1])} and {things[-1]}, for {concept.field}."
        case "transform":
            return f"Brings each {concept.thing} into one form, {beside}."
        case "trigger":
            return f"Starts a flow for each {concept.thing} that comes, {beside}."
        case "pack":
            return f"Looks after every {concept.thing} until it is settled, {beside}."
    return f"{says} each {concept.thing} by its number, {beside}."


def plural(thing: str) -> str:
    if thing.endswith("y") and thing[-2:-1] not in "aeiou":
        return f"{thing[:-1]}ies"
    return f"{thing}{'es' if thing.endswith(('s', 'x', 'ch')) else 's'}"


def _action(thing: str, verb: str, indent: str = "    ") -> str:
    method, scope, _ = VERBS[verb]
    path = f"{plural(thing)}" + ("" if verb in ("create", "list", "export") else "/{id}")
    inputs = "{ title: string, email: email? }" if verb == "create" else "{ id: string }"
    return (
        f"method: {method}\n{indent}path: /{path}\n{indent}inputs: {inputs}\n{indent}outputs: {{ id: string }}\n"
        f"{indent}scopes: [{plural(thing)}.{scope}]\n"
        f"{indent}simulation: {{ answer: {{ id: {'inputs.title' if verb == 'create' else 'inputs.id'} }} }}"
    )


def _connector(field: str, thing: str, verb: str) -> str:
    actions = "".join(
        f"\n  - id: {one}_{name}\n    summary: {VERBS[one][2]} each {name}.\n    {_action(name, one)}{_FIXTURES}"
        for name in FIELDS[field]
        for one in ("create", "list")
    )
    return f"{_DOOR}actions:{actions}\n"


_DOOR = "auth: { type: api_key }\nbase_url: https://api.seed.example\negress: [{ host: api.seed.example }]\n"


def _single(field: str, thing: str, verb: str) -> str:
    return _DOOR + _action(thing, verb, "") + _FIXTURES.replace("\n    ", "\n") + "\n"


def _transform(field: str, thing: str, verb: str) -> str:
    return (
        "inputs: { title: string }\noutputs: { title: string }\nsteps:\n  - map_fields: { title: title }\n"
        "fixtures: { happy: { inputs: { title: a }, outputs: { title: a } } }\n"
    )


def _trigger(field: str, thing: str, verb: str) -> str:
    return (
        "source: { type: webhook, signature: standard_webhooks }\noutputs: { id: string, email: email? }\n"
        "fixtures: { happy: { body: { id: t1 } } }\n"
    )


def _pack(field: str, thing: str, verb: str) -> str:
    return (
        f"requires: {{ {MAKER}: ^1.0 }}\ninputs: {{ title: string }}\n"
        f"steps:\n  - {{ id: make, use: {MAKER}.create_{thing}, with: {{ title: inputs.title }} }}\n"
        "outcome: { name: settled, success: steps.make.id, signal: downstream_state }\n"
        "sample: { inputs: { title: a } }\n"
    )


_BODIES: dict[str, Any] = {
    "connector": _connector,
    "action": _single,
    "transform": _transform,
    "trigger": _trigger,
    "pack": _pack,
}
