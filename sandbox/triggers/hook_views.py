"""The address of a webhook: no session, no form, no page; JSON in and out."""

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from sandbox.triggers.receiving import REFUSED, Answer, Incoming, receive

_SENTENCES = {
    "refused": "Nothing was taken: there is no webhook here, or this is not signed as it asks.",
    "too_large": "Nothing was taken: this is larger than a delivery may be.",
    "over_budget": "Nothing was taken: this is more than is taken in a minute. Send it again later.",
    "not_now": "Nothing was taken: it could not be looked at just now. Send it again later.",
    "content_type": "Nothing was taken: send JSON as application/json, or a form.",
    "not_an_event": "Nothing was taken: this is not JSON that can be read and stored.",
}


@csrf_exempt  # a sender has no session and no form: its signature is what proves it
@login_not_required
@require_POST
def hook(request, address):
    """Take one delivery. Whoever proves nothing hears the same whether there is a webhook at this address or not."""
    incoming = Incoming(
        body=_body_of(request),
        content_type=request.headers.get("Content-Type", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        source=get_adapter().get_client_ip(request),
    )
    return _said(receive(address, incoming))


def _body_of(request) -> bytes | None:
    """None where it is too large, of which no more is read than a byte too many."""
    most = settings.GALAXY_HOOK_BODY_BYTES
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > most:
            return None
    except ValueError:
        return None
    found = request.read(most + 1)
    return found if len(found) <= most else None


def _said(answer: Answer) -> JsonResponse:
    if answer.status == 202:
        content = {"status": answer.word, "id": answer.id}
    else:
        content = {"error": answer.word, "detail": _SENTENCES[answer.word]} | ({"id": answer.id} if answer.id else {})
    response = JsonResponse(content, status=answer.status)
    if answer.retry_s:
        response["Retry-After"] = str(answer.retry_s)
    if answer is REFUSED:
        response["WWW-Authenticate"] = 'Webhook realm="galaxy"'
    return response
