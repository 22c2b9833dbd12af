"""Agents: the list, making and changing one, what it did, and stopping it at once."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.agents.forms import AgentForm
from galaxy.core.agents import (
    ENDING,
    change_agent,
    create_agent,
    end_agent,
    grants_of,
    resume_agent,
    suspend_agent,
    why_barred,
)
from galaxy.core.audit.reading import details_of
from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.models import Agent, AuditEvent
from galaxy.core.permissions import require
from galaxy.core.recent_proof import require_recent_proof
from galaxy.core.token_forms import TokenForm
from galaxy.core.tokens import AGENT_PERMISSIONS, create_token
from sandbox.budgets import calls_near, calls_today
from sandbox.models import Run

PAGE_SIZE = 40
LATEST = 10


@require_safe
def agent_list(request, workspace):
    require(request.user, "core.manage_agent", request.workspace)
    agents = _agents(request).order_by("name")
    page = Paginator(agents, PAGE_SIZE).get_page(request.GET.get("page"))
    calls = calls_today(request.workspace, page.object_list)
    for agent in page.object_list:
        _note_limits(agent, calls.get(agent.pk, 0))
    return render(request, "agents/agent_list.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
def agent_create(request, workspace):
    require(request.user, "core.manage_agent", request.workspace)
    form = AgentForm(_sent(request), workspace=request.workspace, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            agent = create_agent(request.workspace, actor=request.user, **form.facts)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{agent} is ready. It needs a token to call with.")
            return redirect(agent)
    return _form_page(request, form)


@require_safe
def agent_detail(request, workspace, pk):
    return _detail(request, _found(request, pk), TokenForm(allowed=AGENT_PERMISSIONS))


@require_http_methods(["GET", "HEAD", "POST"])
def agent_change(request, workspace, pk):
    agent = _found(request, pk)
    form = AgentForm(_sent(request), workspace=request.workspace, user=request.user, agent=agent)
    if request.method == "POST" and form.is_valid():
        try:
            agent = change_agent(agent, actor=request.user, **form.facts)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{agent} is changed, from its next call on.")
            return redirect(agent)
    return _form_page(request, form, agent)


@require_POST
def agent_token(request, workspace, pk):
    """A new token, shown in this answer and never again: nothing is redirected to that could show it twice."""
    agent = _found(request, pk)
    form = TokenForm(request.POST, allowed=AGENT_PERMISSIONS)
    if not form.is_valid():
        return _detail(request, agent, form, status=422)
    require_recent_proof(request, f"Make the token {form.cleaned_data['name']} for {agent}")
    token, text = create_token(request.workspace, actor=request.user, agent=agent, **form.cleaned_data)
    context = {"token": token, "text": text, "agent": agent, "back_url": agent.get_absolute_url()}
    return render(request, "core/token_made.html", context)


@require_POST
def agent_suspension(request, workspace, pk):
    agent = suspend_agent(_found(request, pk), actor=request.user)
    messages.success(request, f"{agent} is suspended. Its next call is refused, and so is every run that waits.")
    return redirect(agent)


@require_POST
def agent_resumption(request, workspace, pk):
    agent = resume_agent(_found(request, pk), actor=request.user)
    messages.success(request, f"{agent} may go on.")
    return redirect(agent)


@require_POST
def agent_end(request, workspace, pk):
    agent = end_agent(_found(request, pk), actor=request.user)
    messages.success(request, f"{agent} has ended. Its tokens open nothing any more.")
    return redirect(agent)


def _sent(request):
    return request.POST if request.method == "POST" else None


def _agents(request):
    return Agent.objects.in_workspace(request.workspace).select_related("workspace", "owner", "group", "created_by")


def _found(request, pk) -> Agent:
    require(request.user, "core.manage_agent", request.workspace)
    return get_object_or_404(_agents(request), pk=pk)


def _note_limits(agent: Any, calls: int) -> None:
    """Put on ``agent`` its calls of today, and whether its budget or its end is near."""
    is_active = agent.state == "active"
    agent.calls = calls
    agent.is_spent = is_active and calls >= agent.calls_per_day
    agent.is_near_budget = is_active and calls >= calls_near(agent)
    agent.is_near_end = is_active and agent.ends_at <= timezone.now() + ENDING


def _form_page(request, form: AgentForm, agent: Agent | None = None):
    context = {"form": form, "agent": agent}
    return render(request, "agents/agent_form.html", context, status=422 if form.is_bound else 200)


def _detail(request, agent: Agent, form: TokenForm, *, status: int = 200):
    runs = Run.objects.in_workspace(request.workspace).filter(agent=agent).top_level()
    events = (
        AuditEvent.objects.in_workspace(request.workspace)
        .filter(actor_id=str(agent.pk))
        .order_by("-occurred_at", "-id")
    )
    calls = calls_today(request.workspace, [agent]).get(agent.pk, 0)
    _note_limits(agent, calls)
    barred = why_barred(agent)
    context = {
        "agent": agent,
        "barred": "" if agent.state != "active" else barred,
        "share": min(100, round(100 * calls / agent.calls_per_day)),
        "grants": _grants(agent),
        "tokens": agent.tokens.select_related("created_by"),
        "token_form": form,
        "runs": runs.select_related("workspace", "installation__extension").order_by("-created_at")[:LATEST],
        "events": details_of(events.select_related("workspace")[:LATEST], request.workspace),
        "now": timezone.now(),
    }
    return render(request, "agents/agent_detail.html", context, status=status)


def _grants(agent: Agent) -> list[tuple[object, str]]:
    """(installation, what it may do there), one line for each."""
    words: dict = {}
    for obj, perm in grants_of(agent):
        writes = perm.endswith("write_installation") or words.get(obj) == "Reads and writes"
        words[obj] = "Reads and writes" if writes else "Reads"
    return list(words.items())
