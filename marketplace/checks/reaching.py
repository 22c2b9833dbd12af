"""What it asks for against what it does: scopes of actions and of vendors, hosts, methods and paths."""

import ast
from collections.abc import Iterator
from urllib.parse import urlsplit

from galaxy.core.egress.refusals import Refused
from galaxy.core.egress.rules import HostRule, check, parse
from galaxy.core.egress.urls import parse as parse_url
from marketplace.checks.notes import Subject
from registry.manifests import ActionSpec, Finding
from registry.manifests.findings import Findings
from registry.manifests.hosts import CONNECTION_HOST
from registry.manifests.python_file import parse_code
from registry.manifests.readers import PATH_FIELD
from sandbox import rest

_MADE_UP = "tenant"  # stands for the host of a connection, below its declared suffix
# Scopes by which a vendor signs somebody in or says who that is: rights over nothing that an action touches.
_SIGNING_IN = ("openid", "email", "profile", "offline_access", "refresh_token", "oauth", "userinfo.email")
_WRITES = frozenset({"post", "put", "patch", "delete"})


def findings(subject: Subject) -> Iterator[Finding]:
    if subject.manifest.kind not in {"connector", "action"}:
        return
    yield from _scopes(subject)
    yield from _hosts(subject)
    for action in subject.manifest.actions.values():
        yield from _call(subject, action)
        yield from _code(subject, action)


def _scopes(subject: Subject) -> Iterator[Finding]:
    manifest = subject.manifest
    needed = {scope for action in manifest.actions.values() for scope in action.scopes}
    for scope in manifest.canonical.get("permissions", {}).get("required", ()):
        if scope not in needed and manifest.actions:
            message = f"{scope} is asked for, and no action needs it."
            yield subject.at("scope-unused", "permissions", "required", message=message)
    auth = manifest.canonical.get("auth", {})
    mapped = {one for names in auth.get("scope_map", {}).values() for one in names}
    if auth.get("scope_map"):
        for name in auth.get("scopes", ()):
            if name not in mapped and not name.endswith(_SIGNING_IN):
                message = f"The vendor is asked for {name:.80}, to which no scope maps."
                yield subject.at("vendor-scope-unused", "auth", "scopes", message=message)


def _hosts(subject: Subject) -> Iterator[Finding]:
    canonical = subject.manifest.canonical
    called = _called(subject)
    for at, entry in enumerate(canonical.get("egress", ())):
        host = entry["host"]
        if host not in called:
            message = f"{host} may be reached, and nothing calls it."
            yield subject.at("host-unused", "egress", at, message=message)
        elif "methods" not in entry or entry.get("path_prefix", "/") == "/":
            wide = "every method" if "methods" not in entry else "every path"
            yield subject.at("host-wide", "egress", at, message=f"{host} may be reached with {wide}.")


def _called(subject: Subject) -> set[str]:
    """The hosts that the manifest calls by its addresses, and those that its code names."""
    canonical = subject.manifest.canonical
    auth = canonical.get("auth", {})
    owners = [canonical, *canonical.get("actions", ())]
    addresses = [canonical.get("base_url"), *(auth.get(key) for key in ("token_url", "revoke_url", "issuer"))]
    addresses += [fallback.get("base_url") for owner in owners for fallback in owner.get("fallbacks", ())]
    hosts = {urlsplit(address).netloc for address in addresses if address}
    for content in subject.files.values():
        text = content.decode("utf-8", "replace")
        hosts |= {entry["host"] for entry in canonical.get("egress", ()) if entry["host"] in text}
    code = any("code_file" in owner for owner in owners)
    return hosts | ({CONNECTION_HOST} if code else set())


def _call(subject: Subject, action: ActionSpec) -> Iterator[Finding]:
    """Whether the broker would let the action's own call out, by the rules it uses itself."""
    if action.runner != "rest" or not action.path or not subject.manifest.canonical.get("egress"):
        return
    rules, host = rules_of(subject.manifest.canonical)
    try:
        address = rest.shown_address(action, subject.manifest, host=host).partition("?")[0]
        check(rules, action.method or "GET", parse_url(PATH_FIELD.sub("x", address)))
    except (rest.BadCall, Refused) as refused:
        steps = (*subject.action_steps(action.id), "path")
        yield subject.at("call-outside-egress", *steps, message=f"{action.id}: {refused}")


def rules_of(canonical: dict) -> tuple[tuple[HostRule, ...], str]:
    """The broker's rules, and a made-up host of a connection below the declared suffix, "" where none is declared."""
    entries = canonical.get("egress", ())
    suffix = next((one["suffix"].removeprefix(".") for one in entries if "suffix" in one), "")
    host = f"{_MADE_UP}.{suffix}" if suffix else ""
    return parse(entries, connection_host=host), host


def _code(subject: Subject, action: ActionSpec) -> Iterator[Finding]:
    name = action.raw.get("code_file")
    content = subject.files.get(name or "")
    if action.effect != "read" or content is None:
        return
    tree = parse_code(content.decode("utf-8", "replace"), Findings())
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and (verb := _verb_of(node)):
            steps = (*subject.action_steps(action.id), "permissions")
            message = f"{name}, line {node.lineno}: the code sends a {verb.upper()}, and only reading is declared."
            yield subject.at("code-writes", *steps, message=message)
            return


def _verb_of(node: ast.Call) -> str:
    """``ctx.http.post(...)`` as post."""
    match node.func:
        case ast.Attribute(value=ast.Attribute(attr="http"), attr=verb) if verb in _WRITES:
            return verb
    return ""
