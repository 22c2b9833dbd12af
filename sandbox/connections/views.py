"""Pages of connections: one, those of an installation, connecting, coming back from a consent screen, ending.

``connection_return`` is the one GET here that writes: it is bound to the session that began by a state that is good
once, and to the provider by an address of its own for each installation.
"""

from urllib.parse import urlsplit

import structlog
from django.contrib import messages
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from galaxy.core.errors import DomainError, Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import require
from galaxy.core.recent_proof import require_recent_proof
from galaxy.core.vault.sealing import why_closed
from registry.manifests import Manifest
from registry.models import Connection, Installation
from registry.services import needs_no_sign_in, verified_manifest
from registry.services.credentials import auth_of, needs_app
from sandbox.connections.consent import (
    Consent,
    ReturnRefused,
    code_of,
    new_state,
    recall,
    remember,
    require_version,
)
from sandbox.connections.forms import SECRETS, AppForm, ConnectForm
from sandbox.connections.page import ConnectionPage, connections_of, facts_of, own_denied
from sandbox.connections.permissions import SHARED, require_yours
from sandbox.connections.services import (
    begin_consent,
    connect_openly,
    connect_with,
    disconnect,
    finish_consent,
    own_connection,
    register_app,
    renew_now,
    test_connection,
)
from sandbox.health import facts_for as health_for
from sandbox.resilience_page import facts_for as limits_for
from sandbox.sandboxd.client import Refused

log = structlog.get_logger("galaxy.connections")


@require_safe
def connection_list(request, workspace, pk):
    """Every way into the vendor that this installation has."""
    installation = _installation(request, pk)
    rows = connections_of(installation, request.user)
    context = {
        "installation": installation,
        "rows": rows,
        "has_own": any(row.owner_id == request.user.pk for row in rows),
        "own_denied": own_denied(installation, request.user),
    }
    return render(request, "sandbox/connection/list.html", context)


@require_POST
def connection_own(request, workspace, pk):
    """An account of one's own beside the shared one: its row, and on to the form that connects it."""
    connection = own_connection(_installation(request, pk), actor=request.user)
    return redirect("sandbox:connection-connect", request.workspace.slug, connection.pk)


@require_safe
def connection_detail(request, workspace, pk):
    connection = _found(request, pk)
    page = ConnectionPage(connection, request.user)
    context = {
        "page": page,
        "connection": connection,
        "facts": facts_of(page),
        "installation": page.installation,
        "health": health_for(connection, request.user),
        "limits": limits_for(connection, request.user),
    }
    return render(request, "sandbox/connection/detail.html", context)


@sensitive_post_parameters(*SECRETS, "service_account")
@sensitive_variables("form", "app_form")
@require_http_methods(["GET", "HEAD", "POST"])
def connection_connect(request, workspace, pk):
    """The form that connects or reconnects; where the app is not registered yet, whoever may does it here as well."""
    connection = _found(request, pk)
    require_yours(connection, request.user)
    page = ConnectionPage(connection, request.user)
    sent = request.POST if request.method == "POST" else None
    form = ConnectForm(sent, manifest=page.manifest, initial={"host": connection.host, **connection.settings})
    wants_app = needs_app(page.manifest) and page.app is None
    app_form = AppForm(sent) if wants_app and page.app_denied is None else None
    if sent is not None and form.is_valid() and (app_form is None or app_form.is_valid()):
        answer = _connect(request, page, form, app_form)
        if answer:
            return answer
    context = {
        "page": page,
        "connection": connection,
        "installation": page.installation,
        "form": form,
        "app_form": app_form,
        "wants_app": wants_app,
        "redirect_uri": _redirect_uri(request, page.installation),
        "closed": why_closed(),
    }
    response = render(request, "sandbox/connection/connect.html", context, status=422 if form.is_bound else 200)
    return _may_lead_to_consent(response, page.manifest)


@require_GET
def connection_return(request, workspace, pk):
    """Where the provider sends people back to."""
    installation = _installation(request, pk)
    provider, connection = str(installation.extension), None
    query = request.GET.dict()
    try:
        consent = recall(request.session, query, installation=installation.pk, user=request.user.pk)
        connection = _found(request, consent.connection)
        require_version(consent, connection.installation.pin.digest)
        code = code_of(query, provider)
        finish_consent(
            connection,
            code=code,
            sealed=consent.sealed,
            redirect_uri=consent.redirect_uri,
            host=consent.host,
            scopes=consent.scopes,
            actor=request.user,
        )
    except DomainError as error:
        log.warning("consent.refused", installation=str(installation.pk), reason=error.code)
        shown = error if isinstance(error, ReturnRefused) else _of_exchange(error)
        context = {
            "error": shown,
            "installation": installation,
            "connection": connection,
            "connections": connections_of(installation, request.user),
        }
        return render(request, "sandbox/connection/returned.html", context, status=shown.status)
    messages.success(request, f"{provider} is connected.")
    return redirect(connection)


@require_POST
def connection_test(request, workspace, pk):
    connection = _found(request, pk)
    passed, sentence = test_connection(connection, actor=request.user)
    (messages.success if passed else messages.warning)(request, sentence)
    return redirect(connection)


@require_POST
def connection_renewal(request, workspace, pk):
    connection = _found(request, pk)
    try:
        state = renew_now(connection, actor=request.user)
    except Refused as error:  # the provider's no, which the page tells as well
        messages.warning(request, f"{error} {error.next_step}".strip())
        return redirect(connection)
    word = "has a new token" if state == "renewed" else "is being renewed: the provider takes its time"
    messages.success(request, f"{connection} {word}.")
    return redirect(connection)


@require_http_methods(["GET", "HEAD", "POST"])
def connection_disconnection(request, workspace, pk):
    """Asks first, then ends it there and here."""
    connection = _found(request, pk)
    require_yours(connection, request.user)
    if request.method == "POST":
        require_recent_proof(request, f"Disconnect {connection}")
        _, said = disconnect(connection, actor=request.user)
        messages.success(request, f"{connection} is disconnected, and what it held is destroyed here. {said}".strip())
        return redirect(connection)
    context = {
        "page": ConnectionPage(connection, request.user),
        "connection": connection,
        "installation": connection.installation,
    }
    return render(request, "sandbox/connection/disconnect.html", context)


@sensitive_post_parameters("client_secret")
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def app_registration(request, workspace, pk):
    """The app of an installation: entered, or given its new secret without anybody signing in again."""
    installation = _installation(request, pk)
    require(request.user, SHARED, request.workspace)
    page = ConnectionPage(installation.connections.select_related(*_READ).filter(owner=None).get(), request.user)
    if not page.needs_app:
        raise Http404("It signs in through no app.")
    app = page.app
    form = AppForm(request.POST if request.method == "POST" else None, initial={"client_id": app and app.client_id})
    if form.is_bound and form.is_valid() and _register(request, installation, form):
        messages.success(request, f"The app of {installation} is stored. Nobody can read its secret back.")
        return redirect("sandbox:connection-list", request.workspace.slug, installation.pk)
    context = {
        "installation": installation,
        "page": page,
        "app": app,
        "form": form,
        "redirect_uri": _redirect_uri(request, installation),
        "closed": why_closed(),
    }
    return render(request, "sandbox/connection/app.html", context, status=422 if form.is_bound else 200)


_READ = (
    "workspace",
    "owner",
    "connected_by",
    "installation__workspace",
    "installation__extension",
    "installation__pin__version",
)


def _found(request, pk) -> Connection:
    rows = Connection.objects.in_workspace(request.workspace).visible_to(request.user).select_related(*_READ)
    found = get_object_or_404(rows.filter(installation__removed_at=None), pk=pk)
    _require_account(found.installation)
    return found


def _installation(request, pk) -> Installation:
    rows = Installation.objects.in_workspace(request.workspace).visible_to(request.user).active()
    rows = rows.filter(connections__isnull=False).distinct()
    found = get_object_or_404(rows.select_related("workspace", "extension", "pin"), pk=pk)
    _require_account(found)
    return found


def _require_account(installation: Installation) -> None:
    """Raises Http404 for Python that signs in nowhere: its own page switches it, with the secrets it uses."""
    if needs_no_sign_in(verified_manifest(installation.pin.digest)):
        raise Http404("It connects to no account.")


def _connect(request, page: ConnectionPage, form: ConnectForm, app_form: AppForm | None):
    """The answer once it is connected or on its way, or None with the refusals put beside the fields."""
    connection, host = page.connection, form.cleaned_data.get("host", "")
    try:
        if app_form and not _register(request, page.installation, app_form):
            return None
        if page.kind == "consent":
            return _to_consent(request, page, host)
        if page.kind == "none":
            connect_openly(connection, host=host, actor=request.user)
        else:
            connect_with(
                connection,
                values=form.values,
                settings=form.settings,
                host=host,
                account=form.cleaned_data["account"],
                actor=request.user,
            )
    except DomainError as error:
        form.add_error(None, f"{error} {error.next_step}".strip())
        return None
    messages.success(request, f"{page.vendor} is connected.")
    return redirect(connection)


def _register(request, installation: Installation, form: AppForm) -> bool:
    try:
        register_app(
            installation,
            client_id=form.cleaned_data["client_id"],
            secret=form.cleaned_data["client_secret"],
            actor=request.user,
        )
    except Invalid as error:
        add_refusals(form, error)
        return False
    return True


def _to_consent(request, page: ConnectionPage, host: str):
    """Off to the consent screen, with what is needed on the way back kept in the session."""
    state, redirect_uri = new_state(), _redirect_uri(request, page.installation)
    begun = begin_consent(
        page.connection, redirect_uri=redirect_uri, state=state, scopes=page.wanted_scopes, actor=request.user
    )
    consent = Consent(
        connection=str(page.connection.pk),
        installation=str(page.installation.pk),
        digest=page.installation.pin.digest,
        user=str(request.user.pk),
        redirect_uri=redirect_uri,
        issuer=auth_of(page.manifest).get("issuer", ""),
        host=host,
        scopes=page.wanted_scopes,
        sealed=begun["sealed"],
    )
    remember(request.session, state, consent)
    return _may_lead_to_consent(HttpResponseRedirect(begun["url"]), page.manifest)


def _may_lead_to_consent(response, manifest: Manifest):
    """Browsers hold form-action against the redirect that a form ends in as well."""
    if needs_app(manifest):
        address = urlsplit(auth_of(manifest)["authorize_url"])
        response._csp_update = {"form-action": [f"{address.scheme}://{address.netloc}"]}
    return response


def _redirect_uri(request, installation: Installation) -> str:
    path = reverse("sandbox:connection-return", args=[installation.workspace.slug, installation.pk])
    return request.build_absolute_uri(path)


def _of_exchange(error: DomainError) -> ReturnRefused:
    """A refusal that came after the consent: of the token endpoint, of the vault, or of somebody who was quicker."""
    words = {
        "grant_refused": "Begin again: a code is good once, and for a minute or so.",
        "client_refused": "Have an administrator enter the app's secret anew, then begin again.",
    }
    refused = ReturnRefused(error.code, str(error), words.get(error.code, error.next_step or "Begin again."))
    refused.status = error.status  # type: ignore[misc]  # as the other side's refusal has it
    return refused
