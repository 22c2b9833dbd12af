"""Servers and security of a document as ``base_url``, ``egress`` and ``auth`` of a manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urljoin

from registry.manifests import hosts
from registry.openapi.document import Document
from registry.openapi.losses import Losses
from registry.openapi.refs import shown
from registry.openapi.text import plain

_VENDOR_SCOPE = re.compile(r"[!#-\[\]-~]{1,200}", re.ASCII)
_KEY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_OWN_HEADERS = {"authorization", "cookie", "host"}
_ORDER = ("oauth2", "bearer", "api_key", "basic")  # of several ways to sign in, the first that can be mapped


def base_url_of(document: Document, losses: Losses) -> str:
    """The first server that a manifest may use, "" with losses where there is none."""
    urls = [url for server in document.servers if (url := _server_url(server, losses))]
    usable = [url for url in urls if _https(url)]
    if not usable:
        what = f"{shown(urls[0])} is no https address of a public host" if urls else "The document names no server"
        losses.add("no-server", f"{what}. Write base_url and egress in the draft.")
        return ""
    if others := [url for url in dict.fromkeys(urls) if url != usable[0]]:
        listed = ", ".join(map(shown, others[:5]))
        losses.add("servers", f"{shown(usable[0])} is used; left out: {listed}.")
    return _https(usable[0])


def auth_of(
    document: Document, views: Iterable[tuple[str, dict[str, Any]]], base_url: str, losses: Losses
) -> dict[str, Any]:
    """``auth`` for the operations chosen. ``views`` are pairs of an operation's key and its view."""
    schemes = document.security_schemes(losses)
    wanted: dict[str, set[str]] = {}
    is_open = False
    for key, view in views:
        losses.where = key
        required = view.get("security", document.root.get("security"))
        choices = [one for one in required if isinstance(one, dict)] if isinstance(required, list) else []
        if not choices or {} in choices:
            is_open = True
        for choice in choices:
            if len(choice) > 1:
                both = " and ".join(shown(name) for name in choice)
                losses.add("auth-together", f"It needs {both} at once; a connection proves itself in one way.")
            for name, scopes in choice.items():
                wanted.setdefault(name, set()).update(_texts(scopes))
    losses.where = ""
    if not wanted and schemes and "security" not in document.root:
        listed = ", ".join(map(shown, list(schemes)[:5]))
        losses.add("auth-unsaid", f"No operation says how it is signed in to; {listed} is described, so that is taken.")
        wanted, is_open = {name: set() for name in schemes}, False
    mapped = {name: _mapped(name, schemes.get(name), wanted[name], base_url, losses) for name in wanted}
    usable = sorted(filter(None, mapped.values()), key=lambda one: _ORDER.index(one["type"]))
    if not usable:
        if schemes and not wanted:
            losses.add(
                "auth-none",
                f"The operations say that they need no sign-in, so {shown(next(iter(schemes)))} is not used.",
            )
        return {"type": "none"} if is_open or not wanted else {}
    others = [name for name, found in mapped.items() if found and found is not usable[0]]
    if others:
        losses.add(
            "auth-choice",
            f"Of several ways to sign in, {usable[0]['type']} is used; left out: {', '.join(map(shown, others))}.",
        )
    if is_open:
        losses.add("auth-open", "Some of the operations need no sign-in; the connection's goes with them as well.")
    return usable[0]


def _mapped(
    name: str, scheme: dict[str, Any] | None, scopes: set[str], base_url: str, losses: Losses
) -> dict[str, Any] | None:
    scheme = scheme or {}
    match scheme.get("type"), str(scheme.get("scheme", "")).lower(), scheme.get("in"):
        case "http", "bearer", _:
            return {"type": "bearer"}
        case "http", "basic", _:
            return {"type": "basic"}
        case "apiKey", _, ("header" | "query") as place:
            return _api_key(str(scheme.get("name", "")), str(place), losses)
        case "oauth2", _, _:
            return _oauth2(name, scheme, scopes, base_url, losses)
    what = " ".join(plain(str(scheme[key]), 30) for key in ("type", "scheme", "in") if key in scheme)
    losses.add(
        "auth-kind", f"{shown(name)} ({what or 'not described'}) is a way to sign in that a manifest does not know."
    )
    return None


def _api_key(name: str, place: str, losses: Losses) -> dict[str, Any] | None:
    if place == "header" and name.lower() == "authorization":
        losses.add(
            "auth-guess", "An API key in the header Authorization is taken as a token, sent after the word Bearer."
        )
        return {"type": "bearer"}
    if not _KEY_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
        losses.add("auth-key-name", f"An API key cannot go to {shown(name)}.")
        return None
    return {"type": "api_key", "in": place, "name": name}


def _oauth2(
    name: str, scheme: dict[str, Any], scopes: set[str], base_url: str, losses: Losses
) -> dict[str, Any] | None:
    flows = scheme.get("flows")
    flows = {key: flow for key, flow in flows.items() if isinstance(flow, dict)} if isinstance(flows, dict) else {}
    if lost := [key for key in flows if key not in ("authorizationCode", "clientCredentials")]:
        listed = ", ".join(shown(key) for key in lost)
        losses.add(
            "auth-flow", f"The OAuth flows {listed} of {shown(name)} are left out: they hand out tokens unsafely."
        )
    kind = next((key for key in ("authorizationCode", "clientCredentials") if key in flows), None)
    if kind is None:
        return None
    flow = flows[kind]
    found: dict[str, Any] = {"type": "oauth2"}
    if kind == "clientCredentials":
        found["grant"] = "client_credentials"
    for key, target in (("authorizationUrl", "authorize_url"), ("tokenUrl", "token_url")):
        said = flow.get(key)
        if not isinstance(said, str) or (kind == "clientCredentials" and target == "authorize_url"):
            continue
        if address := _https(urljoin(f"{base_url}/", said)):
            found[target] = address
        else:
            losses.add(
                "auth-address", f"{target} {shown(said)} is no address that a manifest takes. Write it in the draft."
            )
    kept = sorted(scope for scope in scopes if _VENDOR_SCOPE.fullmatch(scope))[:100]
    return found | ({"scopes": kept} if kept else {})


def egress_of(base_url: str, auth: dict[str, Any], methods: Iterable[str]) -> list[dict[str, Any]]:
    """The hosts that its calls and its tokens need, with no more methods than are used."""
    host = hosts.check_address(base_url).host
    found: dict[str, set[str]] = {host: set(methods)}
    if token_url := auth.get("token_url"):
        found.setdefault(hosts.check_address(token_url).host, set()).add("POST")
    return [{"host": name, "methods": sorted(used)} for name, used in found.items()]


def _server_url(server: Any, losses: Losses) -> str:
    if not isinstance(server, dict) or not isinstance(server.get("url"), str):
        return ""
    url, variables = server["url"].strip()[:500], server.get("variables")
    for name in re.findall(r"\{([^{}]*)\}", url):
        variable = variables.get(name) if isinstance(variables, dict) else None
        default = variable.get("default") if isinstance(variable, dict) else None
        url = url.replace(f"{{{name}}}", str(default) if default is not None else "")
        losses.add("server-variable", f"{shown(name)} of a server’s address is taken as {shown(str(default))}.")
    return url


def _https(url: str) -> str:
    """The address as a manifest writes it, "" where it may not be used."""
    if "://" not in url:
        return ""
    try:
        address = hosts.check_address(url)
    except hosts.BadHost:
        return ""
    if address.host == hosts.CONNECTION_HOST or len(url) > 500 or url != plain(url, 500):
        return ""
    return f"https://{address.host}{address.path.rstrip('/')}"


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
