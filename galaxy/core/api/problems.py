"""Refusals as application/problem+json (RFC 9457), from the same errors that the pages show.

{type, title, status, code, detail, next_step, request_id, fields}: ``code`` is a stable word for machines, ``detail``
one sentence for a person, ``next_step`` what to do, ``fields`` a sentence for each field that cannot be used.
"""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from galaxy.core.errors import DomainError
from galaxy.core.request_id import current_request_id

MEDIA_TYPE = "application/problem+json"
API_PATH = "/api/"
_MISSING = ("not_found", "There is nothing at this address, or you may not see it.", "Check the address.")

# What Django REST framework raises by itself: code, sentence ("" for its own), next step.
_WORDS: dict[type[Exception], tuple[str, str, str]] = {
    Http404: _MISSING,
    exceptions.NotFound: _MISSING,
    exceptions.NotAuthenticated: (
        "not_authenticated",
        "This needs a token or a signed-in session.",
        "Send the header “Authorization: Bearer gxy_…”.",
    ),
    exceptions.Throttled: (
        "throttled",
        "Too many requests in a short time.",
        "Wait as many seconds as the header Retry-After says.",
    ),
    exceptions.MethodNotAllowed: ("method_not_allowed", "", "See the API's document for what is taken here."),
    exceptions.NotAcceptable: (
        "not_acceptable",
        "None of the media types in the header Accept can be answered.",
        "Accept application/json.",
    ),
    exceptions.UnsupportedMediaType: ("unsupported_media_type", "", "Send application/json."),
    exceptions.ParseError: ("malformed", "", "Send one JSON object in UTF-8."),
    PermissionDenied: ("forbidden", "You may not do this.", "Ask an owner or admin of the workspace."),
}


def problem_of(error: Exception, status: int) -> dict[str, Any]:
    """The body for ``error``, which is a DomainError, one of Django's or one of the framework's."""
    code, sentence, next_step = _words_of(error)
    if code == "refused":  # an error without a code of its own
        code = HTTPStatus(status).name.lower()
    return {
        "type": f"urn:galaxy:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": sentence,
        "next_step": next_step,
        "request_id": current_request_id(),
        "fields": _fields_of(error),
    }


def problem_answer(error: Exception, status: int) -> JsonResponse:
    """For what happens outside of the API's views: no such address, a body too large, a defect."""
    return JsonResponse(problem_of(error, status), status=status, content_type=MEDIA_TYPE)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The framework's exception handler. None for a defect, which is then logged and answered as 500."""
    headers = {}
    if isinstance(error, Http404):
        status = 404
    elif isinstance(error, DomainError | PermissionDenied):
        status = getattr(error, "status", 403)
    elif isinstance(error, exceptions.ValidationError):
        status = 422
    elif isinstance(error, exceptions.APIException):
        status = error.status_code
    else:
        return None
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="galaxy"'
    wait_s = getattr(error, "wait", None)
    if wait_s:
        headers["Retry-After"] = str(int(wait_s) + 1)
    set_rollback()
    return Response(problem_of(error, status), status=status, headers=headers, content_type=MEDIA_TYPE)


def _words_of(error: Exception) -> tuple[str, str, str]:
    if isinstance(error, exceptions.ValidationError):
        return "invalid", "Some fields cannot be used, so nothing was done.", "Correct the fields that are named."
    known = next((words for kind, words in _WORDS.items() if type(error) is kind), None)
    own = str(getattr(error, "detail", error)) or "This was refused."
    if known:
        return known[0], known[1] or own, known[2]
    code = getattr(error, "code", None) or getattr(error, "default_code", None) or "refused"
    return code, own, getattr(error, "next_step", "")


def _fields_of(error: Exception) -> dict[str, str]:
    if isinstance(error, exceptions.ValidationError):
        return dict(_flat(error.detail, ""))
    return dict(getattr(error, "fields", {}))


def _flat(detail: Any, place: str):
    """(dotted place, sentence) for each refusal of a serializer."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flat(inner, f"{place}.{name}".strip(".") if name != "non_field_errors" else place)
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            if isinstance(inner, dict | list):
                yield from _flat(inner, f"{place}.{number}".strip("."))
        texts = [str(inner) for inner in detail if not isinstance(inner, dict | list)]
        if texts:
            yield place, " ".join(texts)
    else:
        yield place, str(detail)
