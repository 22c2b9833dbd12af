"""The request that an action makes of inputs: address, headers and body, in one spelling."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from galaxy.core.egress.refusals import Refused
from galaxy.core.egress.urls import MAX_CHARACTERS, check_path
from registry.manifests import ActionSpec, Manifest
from registry.manifests.expressions import parse
from registry.manifests.functions import EvaluationFailed, Evaluator
from registry.manifests.hosts import CONNECTION_HOST
from registry.manifests.readers import PATH_FIELD
from sandbox.rest import bodies, pages
from sandbox.rest.failures import BadCall

WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE"})


@dataclass(frozen=True)
class Prepared:
    """One request, whole but for its credentials. ``shown`` is its address as records hold it: inputs by their names,
    of the query the names alone."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    shown: str


class _Endpoint(NamedTuple):
    base_url: str
    path: str
    model: str


def build(
    spec: ActionSpec,
    manifest: Manifest,
    inputs: dict[str, Any],
    *,
    host: str = "",
    idempotency_key: str = "",
    endpoint: int = 0,
    page: str | None = None,
    now: str | None = None,
) -> Prepared:
    """The request that ``inputs`` (valid by the action's schema) make of the action ``spec`` of ``manifest``.

    ``host`` is the connection's, for ``{connection.host}``. ``endpoint`` is 0 for the declared one, n for the n-th
    fallback. ``page`` is the token that ``pages.following`` gave, None for the first page. ``now`` is the run's time in
    ISO 8601, for expressions. Raises BadCall; nothing has been sent then.
    """
    place = _endpoint(spec, manifest, endpoint, host)
    if place.model:
        inputs = inputs | {"model": place.model}
    evaluator = Evaluator(now=now)
    method, raw = spec.method or "GET", spec.raw
    pagination = raw.get("pagination", {})
    extra = pages.parameters(pagination, page) if pagination else {}
    goes_in_body = pagination.get("in") == "body"
    query = _query(raw, inputs, evaluator)
    if not goes_in_body:
        query |= extra
    url = place.base_url + _path(place.path, inputs)
    if text := _query_text(query):
        url = f"{url}?{text}"
    if pagination.get("style") == pages.LINK and page is not None:
        url = pages.same_origin(url, page)
    if len(url) > MAX_CHARACTERS:
        raise BadCall(
            "validation", "address_too_long", "The inputs make an address that is too long.", next_step="Shorten them."
        )
    fields = _body(raw, inputs, evaluator)
    if goes_in_body and extra:
        if fields is not None and not isinstance(fields, dict):
            raise BadCall("tool_error", "body_no_map", "The next page is asked for in a body that is no map.")
        fields = (fields or {}) | extra
    body = bodies.written(raw, fields, lambda expression: _evaluated(evaluator, expression, inputs))
    return Prepared(
        method, url, _headers(raw, method, body.media_type, idempotency_key), body.content, _shown(place, raw)
    )


def shown_address(spec: ActionSpec, manifest: Manifest, *, host: str = "", endpoint: int = 0) -> str:
    """``Prepared.shown`` of a request of this action, before there are inputs. Raises BadCall."""
    return _shown(_endpoint(spec, manifest, endpoint, host), spec.raw)


def hosts_of(spec: ActionSpec, manifest: Manifest, *, host: str = "", endpoint: int = 0) -> frozenset[str]:
    """The hosts that may be given the credentials when this endpoint is called: its own. Raises BadCall."""
    return frozenset({urlsplit(_endpoint(spec, manifest, endpoint, host).base_url).netloc})


def _endpoint(spec: ActionSpec, manifest: Manifest, number: int, host: str) -> _Endpoint:
    base_url, path, model = manifest.canonical.get("base_url", ""), spec.path or "", ""
    if number:
        fallbacks = spec.raw.get("fallbacks", ())
        if number > len(fallbacks):
            raise BadCall("tool_error", "no_such_endpoint", "The manifest has no such fallback.")
        other = fallbacks[number - 1]
        base_url, path = other.get("base_url", base_url), other.get("path", path)
        model = other.get("model", "")
    if not base_url:
        raise BadCall("tool_error", "no_base_url", "The manifest does not say where its paths begin.")
    if CONNECTION_HOST in base_url:
        if not host:
            raise BadCall(
                "auth_error", "no_host", "The connection does not say which host it is for.", next_step="Reconnect it."
            )
        base_url = base_url.replace(CONNECTION_HOST, host)
    return _Endpoint(base_url, path, model)


def _path(template: str, inputs: dict[str, Any]) -> str:
    """Each input as one segment, or a part of one, whatever signs it holds. Raises BadCall naming the field."""
    path = PATH_FIELD.sub(lambda match: _segment(match[1], inputs.get(match[1])), template)
    _check_path(path, ", ".join(PATH_FIELD.findall(template)))
    return path


def _segment(name: str, value: Any) -> str:
    if value is None or value == "" or isinstance(value, dict | list):
        sentence = f"The path needs {name}, which is not among the inputs."
        raise BadCall("validation", "path_field_missing", sentence, next_step=f"Give {name}.", field=name)
    segment = quote(bodies.text_of(value), safe="")
    _check_path(f"/{segment}/x", name)
    return segment


def _check_path(path: str, names: str) -> None:
    """The template was checked when it was published, so what is wrong with its path comes of the inputs ``names``."""
    try:
        check_path(path)
    except Refused as refused:
        sentence = f"The path cannot be made of {names}. {refused}"
        raise BadCall("validation", "bad_path", sentence, next_step=f"Correct {names}.", field=names) from refused


def _query(raw: dict[str, Any], inputs: dict[str, Any], evaluator: Evaluator) -> dict[str, Any]:
    if "query" in raw:
        return {name: _evaluated(evaluator, expression, inputs) for name, expression in raw["query"].items()}
    if raw.get("method", "GET") in WITHOUT_BODY and "body" not in raw:
        return _unused(raw, inputs)
    return {}


def _query_text(query: dict[str, Any]) -> str:
    """Sorted by name, since a stored manifest keeps no order. None leaves a parameter out, a list repeats it."""
    pairs = [(name, text) for name, value in sorted(query.items()) for text in bodies.texts_of(value)]
    return "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in pairs)


def _body(raw: dict[str, Any], inputs: dict[str, Any], evaluator: Evaluator) -> Any:
    """The value that the body is written from; None for no body."""
    if raw.get("body_format") == "raw":
        return None
    if "body" in raw:
        try:
            return _filled(raw["body"], {"inputs": inputs}, evaluator)
        except EvaluationFailed as error:
            raise _unmappable(error) from error
    if raw.get("method", "GET") in WITHOUT_BODY:
        return None
    return _unused(raw, inputs) or None


def _filled(tree: Any, value: Any, evaluator: Evaluator) -> Any:
    """A tree of expressions with what they find; an entry of the manifest's own maps and lists that finds nothing is
    left out, so that an optional input is absent and not null."""
    if isinstance(tree, dict):
        found = ((key, _filled(part, value, evaluator)) for key, part in tree.items())
        return {key: part for key, part in found if part is not None}
    if isinstance(tree, list):
        return [part for part in (_filled(one, value, evaluator) for one in tree) if part is not None]
    return evaluator.tree(tree, value)


def _evaluated(evaluator: Evaluator, expression: str, inputs: dict[str, Any]) -> Any:
    try:
        return evaluator.search(expression, {"inputs": inputs})
    except EvaluationFailed as error:
        raise _unmappable(error) from error


def _unmappable(error: EvaluationFailed) -> BadCall:
    return BadCall("validation", "mapping_failed", f"No request can be made of these inputs. {error}")


def _unused(raw: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs that neither path, query nor upload speaks of."""
    used = {*PATH_FIELD.findall(raw.get("path", "")), *_named(raw.get("query", {})), *_named(raw.get("upload", {}))}
    return {name: value for name, value in inputs.items() if name not in used and value is not None}


def _named(expressions: dict[str, str]) -> Iterator[str]:
    for expression in expressions.values():
        try:
            references = parse(expression)
        except ValueError:  # a plain text, such as the name of a part
            continue
        yield from (one.member for one in references if one.root == "inputs" and one.member)


def _headers(raw: dict[str, Any], method: str, media_type: str, idempotency_key: str) -> dict[str, str]:
    """The manifest's own come last, and so win over what is filled in here."""
    headers = {"Accept": "*/*" if raw.get("response_format") in {"bytes", "text"} else "application/json"}
    if media_type:
        headers["Content-Type"] = media_type
    if raw.get("idempotency_header") and idempotency_key and method not in {"GET", "HEAD"}:
        headers[raw["idempotency_header"]] = idempotency_key
    own = raw.get("headers", {})
    written = {name.lower() for name in own}
    if media_type.startswith("multipart/"):  # its boundary is ours
        own = {name: value for name, value in own.items() if name.lower() != "content-type"}
        written.discard("content-type")
    return {name: value for name, value in headers.items() if name.lower() not in written} | own


def _shown(place: _Endpoint, raw: dict[str, Any]) -> str:
    names = "&".join(sorted(raw.get("query", {})))
    return f"{place.base_url}{place.path}{'?' + names if names else ''}"
