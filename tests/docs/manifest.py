"""docs/reference/manifest.md: every key with type, limits and an example, from the readers and the catalogue."""

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from registry.manifests import CODES, keys, read
from registry.manifests import readers as r
from registry.manifests import shapes as s
from registry.manifests.operations import OPERATIONS
from registry.manifests.shapes import Key, Shape
from registry.manifests.types import DATA_CLASSES, TYPES
from tests.docs.tables import NOTE, ROOT, table

_LONGEST = 80  # of an example
_BEGINNING = """# Manifests, key by key

{note}

How to write one, with whole examples, is in [manifests.md](../manifests.md), with the functions of expressions and the
finding codes. Here is every key: what it takes, how much of it, and how the catalogue that Galaxy ships writes it. A
limit is the most that any manifest may say; a workspace may be stricter. A manifest as a whole is UTF-8 of at most
256 KB, 32 levels and 20,000 values.

"""
_WORDS = {
    s.flag: "`true` or `false`",
    s.free_json: "any JSON",
    s.version: "Semantic Version",
    s.version_range: "range of versions, as npm writes them",
    s.scope: "scope: `resource.path.verb`",
    s.number: "number",
    s.https_address: "https address without user, port, query or fragment, at most 500 characters",
    r.approval_tag: "one of " + ", ".join(f"`{tag}`" for tag in r.APPROVAL_TAGS),
    r.data_class: "one of [the data classes](#data-classes)",
    r.status: "status such as `404`, or `4xx`, `5xx`",
    r.url_path: "absolute path, at most 500 characters",
    r.path_prefix: "absolute path without inputs, at most 500 characters",
    r.header_value: "printable ASCII, at most 500 characters",
    r.own_header: "name of a header, at most 64 characters",
    r.code_file: "name of a `.py` file without folders, at most 100 characters",
    r.timezone: "time zone such as `Europe/Berlin`",
    r.egress_host: "exact host, or `{connection.host}`",
    r.host_suffix: "domain",
    keys.read_operation: "one of [the operations](#operations-of-a-transform)",
}
# Of keys that nothing in the catalogue says.
_EXAMPLES = {
    "api": "v1", "keywords": "[crm, sales]", "publisher": "galaxy", "suffix": "my.salesforce.com", "rps": "5",
    "per_day": "10000", "when_spent": "refuse", "max_wait_s": "60", "key": "inputs.id", "model": "small-2",
    "fallbacks": "[{ base_url: https://eu.api.example.com }]", "count": "length(inputs.to)", "cron": "0 7 * * 1-5",
    "timezone": "Europe/Berlin", "signature": "standard_webhooks", "header": "X-Signature", "debounce_ms": "2000",
    "docs": "Adds tasks to a list.", "auth": "{ type: bearer }", "breaker": "{ threshold: 50, samples: 10 }",
    "grpc": "{ service: stock.v1.Stock, method: Get }", "actions": "[{ id: list_owners, method: GET, path: /owners }]",
    "timeout_ms": "5000", "memory_mb": "128", "source": "{ type: schedule, cron: 0 7 * * 1-5 }",
    "outputs": "{ id: string, link: url? }", "inputs": "{ subject: string, due_at: datetime? }",
    "steps": "[{ id: clean, use: leads.clean }]", "idempotency_header": "Idempotency-Key",
    "renamed_from": "{ full_name: name }", "replies": "[{ status: 409, category: validation }]",
    "lock": "{ key: inputs.id }", "cost": "{ unit: call, amount: 0.002, currency: USD }",
    "scope_map": "{ tasks.write: [tasks] }", "grant": "client_credentials", "audience": "https://api.example.com",
    "in": "header", "name": "X-Api-Key", "prefix": "Bearer", "scope": "connection", "threshold": "50",
    "samples": "10", "window_s": "60", "rest_s": "30", "total_ms": "60000", "page_param": "page", "first_page": "1",
    "filename": "inputs.name", "field": "file", "proto": "syntax = \"proto3\"; …", "descriptor_set": "CpIBCg1zdG9jay5…",
    "service": "stock.v1.Stock", "method": "Get", "unit": "call", "amount": "0.002", "currency": "USD",
    "type": "schedule", "order": "day_first", "trim": "false", "collapse": "false", "form": "NFKC",
    "decimal_sign": "\",\"", "table": "{ DE: { country: Germany } }", "by": "[email]", "keep": "last",
    "classes": "[email]", "against": "outputs",
}  # fmt: skip


def described(reader: Any) -> str:
    """What a reader takes, in words. Raises KeyError for one that nobody described."""
    if isinstance(reader, Shape):
        return f"map: [{reader.name}](#{_anchor(reader.name)})" if reader in keys.SECTIONS else f"map ({reader.name})"
    if reader in _WORDS:
        return _WORDS[reader]
    has = inspect.getclosurevars(reader).nonlocals
    match reader.__qualname__.partition(".")[0]:
        case "text":
            form = f"text ({has['expected']})" if has.get("expected") else "text"
            return f"{form}, at most {has['limit']:,} characters"
        case "integer":
            return f"whole number, {has['low']:,} to {has['high']:,}{has['unit']}"
        case "choice":
            return "one of " + ", ".join(f"`{one}`" for one in has["values"])
        case "items":
            least = f"{has['least']} to " if has["least"] else "at most "
            return f"list of {least}{has['limit']}: {described(has['read_item'])}"
        case "mapping":
            return f"map of at most {has['limit']} by {has['expected']}: {described(has['read_value'])}"
        case "name":
            return f"name of small letters, digits, `-` and `_`{', with dots' if has['dotted'] else ''}"
        case "expression":
            return f"JMESPath over {_roots(has)}"
        case "expression_tree":
            return f"JMESPath over {_roots(has)}, or a map or list of such"
        case "schema":
            return "[types](#types), or JSON Schema"
        case "_region":
            return "two capitals of ISO 3166"
        case "egress_entry":
            return f"{described(has['shape'])}, or an https address"
    raise KeyError(reader.__qualname__)


def _roots(has: dict[str, Any]) -> str:
    return ", ".join(f"`{root}`" for root in has.get("roots", ())) or "the value at hand"


def _anchor(name: str) -> str:
    return name.lower().replace(".", "").replace(" ", "-")


def page() -> str:
    lines = [_BEGINNING.format(note=NOTE), "## Of every kind", "", *_keys("of every kind", keys.COMMON)]
    for kind, shape in keys.MANIFESTS.items():
        own = [key for key in shape.keys if key not in keys.COMMON and key not in keys.ACTION_KEYS]
        lines += [f"## {kind}", "", *_keys(shape.name, own)]
        if kind == "action":
            lines += ["And the keys of an entry of [actions](#actions), but for `id`, `name` and `summary`.", ""]
    for shape in keys.SECTIONS:
        lines += [f"## {shape.name}", "", *_keys(shape.name, shape.keys)]
    lines += ["## Operations of a transform", ""]
    for name, reader in OPERATIONS.items():
        lines += [f"### {name}", ""]
        lines += _keys(name, reader.keys) if isinstance(reader, Shape) else ["New fields by name: JMESPath each.", ""]
    lines += [
        "## Types",
        "",
        *table(("type", "JSON Schema"), ((f"`{name}`", f"`{_flow(one)}`") for name, one in sorted(TYPES.items()))),
    ]
    lines += [
        "## Data classes",
        "",
        *table(("class", "what it marks"), ((f"`{name}`", one) for name, one in DATA_CLASSES.items())),
    ]
    lines += ["## Finding codes", ""]
    lines += table(
        ("code", "severity", "what and why", "fix"),
        ((f"`{name}`", one.severity, one.about, one.fix) for name, one in CODES.items()),
    )
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip("\n") + "\n"


def _keys(place: str, entries: Any) -> Iterator[str]:
    rows = (_row(place, key) for key in entries)
    yield from table(("key", "required", "what it takes", "meaning", "example"), rows)


def _row(place: str, key: Key) -> tuple[str, str, str, str, str]:
    also = f" Also `{key.aliases[0]}`." if key.aliases else ""
    example = _seen().get((place, key.name)) or _seen().get((key.read, key.name)) or _EXAMPLES.get(key.name, "")
    return (
        f"`{key.name}`",
        "yes" if key.required else "",
        described(key.read),
        key.about + also,
        f"`{key.name}: {example}`" if example else "",
    )


@cache
def _seen() -> dict[tuple[Any, str], str]:
    """The shortest example of each key, by where it stands and by itself, of what Galaxy ships."""
    found: dict[tuple[Any, str], str] = {}
    for path in sorted((ROOT / "catalog").rglob("manifest.yaml")) + sorted((ROOT / "catalog").rglob("*.yml")):
        source = path.read_text(encoding="utf-8")
        try:
            told = yaml.load(source, Loader=yaml.BaseLoader)  # noqa: S506  (texts alone)
        except yaml.YAMLError:  # shorthand that only our reader takes
            reading = read(source, format="yaml", filename=path.name)
            told = reading.manifest.canonical if reading.manifest else {}
        kind = next((one for one in keys.MANIFESTS if one in (told.get("kind"), *told)), "")
        if kind:
            _look(keys.MANIFESTS[kind], told, found)
    return found


def _look(reader: Any, value: Any, found: dict[tuple[Any, str], str]) -> None:
    if isinstance(reader, Shape) and isinstance(value, dict):
        for key in reader.keys:
            for name in (key.name, *key.aliases):
                if name in value:
                    _keep(reader.name, key, value[name], found)
                    _look(key.read, value[name], found)
        return
    if not callable(reader) or isinstance(reader, Shape):
        return
    if reader is keys.read_operation and isinstance(value, dict) and len(value) == 1:
        ((name, arguments),) = value.items()
        if name in OPERATIONS:
            _look(OPERATIONS[name], arguments, found)
        return
    has = inspect.getclosurevars(reader).nonlocals
    inner = has.get("read_item") or has.get("read_value") or has.get("shape")
    if inner is not None:
        many = value.values() if isinstance(value, dict) and "read_value" in has else value
        for one in many if isinstance(many, list) or "read_value" in has else [value]:
            _look(inner, one, found)


def _keep(place: str, key: Key, value: Any, found: dict[tuple[Any, str], str]) -> None:
    text = _flow(value)
    if "\n" in text or "`" in text or len(text) > _LONGEST:
        return
    common = "of every kind" if key in keys.COMMON else place
    for name in ((common, key.name), (key.read, key.name)):
        if name not in found or (len(text), text) < (len(found[name]), found[name]):
            found[name] = text


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{name}: {_flow(one)}" for name, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    text = str(value) if not isinstance(value, bool) else str(value).lower()
    return f'"{text}"' if not text or text[0] in "{[*&!|>%@`\"'#" or ": " in text or ", " in text else text
