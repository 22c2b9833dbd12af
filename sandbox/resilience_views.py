"""Pages of issues, and what people do about limits: trip and reset breakers, free places."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.http import wants_partial
from galaxy.core.permissions import require
from registry.models import Connection, Installation
from sandbox import circuit
from sandbox.breakers import require_steering, reset_breaker, trip_breaker
from sandbox.holds import AlreadyFree, holds_of, release_by_force
from sandbox.issues import close_issue, denied_to_close
from sandbox.models import Breaker, Category, Issue, Run, Trigger
from sandbox.resilience_forms import BreakerForm, IssueFilterForm, ReasonForm
from sandbox.resilience_page import facts_for

PAGE_SIZE = 25


@require_safe
def issue_list(request, workspace):
    require(request.user, "core.view_installation", request.workspace)
    installations = Installation.objects.in_workspace(request.workspace).visible_to(request.user)
    form = IssueFilterForm(
        request.GET, installations=installations.filter(issues__isnull=False).distinct().select_related("extension")
    )
    visible = Issue.objects.in_workspace(request.workspace).visible_to(request.user)
    is_valid = form.is_valid()
    issues = form.apply(visible, request.user) if is_valid else visible.none()
    issues = issues.select_related("workspace", "installation__extension", "owner").order_by("-opened_at", "pk")
    page = Paginator(issues, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "is_filtered": not is_valid or any(form.cleaned_data.values())}
    template = "sandbox/_issue_rows.html" if wants_partial(request) else "sandbox/issue_list.html"
    return render(request, template, context, status=200 if is_valid else 422)


@require_safe
def issue_detail(request, workspace, pk):
    return _issue_page(request, _issue(request, pk), ReasonForm())


@require_POST
def issue_closing(request, workspace, pk):
    issue = _issue(request, pk)
    if denied_to_close(issue, request.user):
        require(request.user, "core.manage_connection", request.workspace)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _issue_page(request, issue, form, status=422)
    issue = close_issue(issue, actor=request.user, reason=form.cleaned_data["reason"])
    messages.success(request, "The issue is closed. What still breaks opens a new one.")
    return redirect(issue)


@require_safe
def connection_limits(request, workspace, pk):
    """The part of a connection's page that changes by the second, alone."""
    connection = _connection(request, pk)
    context = {"connection": connection, "limits": facts_for(connection, request.user)}
    template = "sandbox/connection/_limits.html" if wants_partial(request) else "sandbox/connection/limits.html"
    return render(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
def breaker_change(request, workspace, pk):
    """Hold the calls of an action back by hand (``to=open``), or let them through again (``to=closed``)."""
    connection = _connection(request, pk)
    require_steering(connection, request.user)
    limits = facts_for(connection, request.user)
    opens = request.GET.get("to") != circuit.CLOSED
    held = [state.breaker.action for state in limits.breakers if not state.is_closed]
    by_hand = {state.breaker.action for state in limits.breakers if state.breaker.is_manual}
    actions = [name for name in limits.actions if name not in by_hand] if opens else held
    form = BreakerForm(
        request.POST if request.method == "POST" else None,
        actions=actions,
        initial={"action": request.GET.get("action", "")},
    )
    if form.is_valid():
        change = trip_breaker if opens else reset_breaker
        breaker = change(connection, actor=request.user, **form.cleaned_data)
        said = "are held back" if opens else "go through again"
        messages.success(request, f"Calls of {breaker.action} over {connection} {said}.")
        return redirect(f"{connection.get_absolute_url()}#limits")
    context = {"connection": connection, "form": form, "opens": opens, "is_empty": not actions}
    return render(request, "sandbox/connection/breaker.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def hold_release(request, workspace, pk, hold):
    """Free a place that a call holds, for when it hangs."""
    connection = _connection(request, pk)
    require_steering(connection, request.user)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        release_by_force(connection, hold, actor=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, "The place is free. The call that held it sends nothing more.")
        return redirect(f"{connection.get_absolute_url()}#limits")
    held = next((one for one in holds_of(connection) if one.pk == hold), None)
    if held is None:
        raise AlreadyFree("This place is free already.", "Go back to the connection to see who is in now.")
    context = {"connection": connection, "hold": held, "form": form}
    return render(request, "sandbox/connection/hold.html", context, status=422 if form.is_bound else 200)


def _issue(request, pk) -> Issue:
    rows = Issue.objects.in_workspace(request.workspace).visible_to(request.user)
    related = ("workspace", "installation__extension", "installation__workspace", "connection__workspace", "owner")
    return get_object_or_404(rows.select_related(*related, "connection__owner", "closed_by"), pk=pk)


def _trigger_of(issue: Issue) -> Trigger | None:
    """The trigger that it is about, as long as there is one."""
    rows = Trigger.objects.in_workspace(issue.workspace_id).kept().select_related("workspace")
    return rows.filter(pk=issue.facts["trigger"]).first() if "trigger" in issue.facts else None


def _issue_page(request, issue: Issue, form: ReasonForm, *, status: int = 200):
    breaker = None
    if issue.connection and issue.kind == Issue.Kind.BREAKER_OPEN:
        rows = Breaker.objects.in_workspace(request.workspace).filter(connection=issue.connection, action=issue.target)
        breaker = rows.first()
    seen = Run.objects.in_workspace(request.workspace).visible_to(request.user).select_related("workspace")
    context = {
        "issue": issue,
        "form": form,
        "denied": denied_to_close(issue, request.user) if issue.is_open else None,
        "breaker": breaker,
        "facts": [_fact(name, value) for name, value in issue.facts.items() if name not in ("run", "trigger")],
        "run": seen.filter(pk=issue.facts["run"]).first() if "run" in issue.facts else None,
        "trigger": _trigger_of(issue),
    }
    return render(request, "sandbox/issue_detail.html", context, status=status)


def _fact(name: str, value) -> tuple[str, str]:
    """A fact in words: a category by its label, and a length of time with its unit after the number."""
    if value in Category.values:
        return name.capitalize(), Category(value).label
    stem, _, unit = name.rpartition("_")
    if unit in {"s", "ms"} and stem:
        return stem.replace("_", " ").capitalize(), f"{value} {unit}"
    return name.replace("_", " ").capitalize(), "none" if value is None else str(value)


def _connection(request, pk) -> Connection:
    rows = Connection.objects.in_workspace(request.workspace).visible_to(request.user)
    related = ("workspace", "owner", "installation__workspace", "installation__extension", "installation__pin")
    return get_object_or_404(rows.filter(installation__removed_at=None).select_related(*related), pk=pk)
