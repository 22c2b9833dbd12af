"""Audit streams: where the trail is sent to, how far it came, and what to do when it does not."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.audit.streams import services
from galaxy.core.audit.streams.reading import keys_of, rows_of, with_backlog
from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.models import AuditSink
from galaxy.core.permissions import require, why_not
from galaxy.core.recent_proof import require_recent_proof
from galaxy.core.stream_forms import ReplayForm, SinkForm
from galaxy.core.vault.sealing import why_closed

MANAGE = "core.manage_audit"


@require_safe
def sink_list(request, workspace):
    """At most MOST_SINKS of them, so there are no pages."""
    require(request.user, "core.view_auditevent", request.workspace)
    context = {"rows": rows_of(request.workspace), "denied": why_not(request.user, MANAGE, request.workspace)}
    return render(request, "core/sink_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def sink_create(request, workspace):
    """The key of a new webhook is shown in the answer to its POST, and never again."""
    require(request.user, MANAGE, request.workspace)
    form = SinkForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        require_recent_proof(request, f"Stream the audit trail to {form.cleaned_data['address']}")
        try:
            sink, key = services.create_sink(request.workspace, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            return _key_page(request, sink, key) if key else redirect(sink)
    context = {"form": form, "closed": why_closed()}
    return render(request, "core/sink_form.html", context, status=422 if form.is_bound else 200)


@require_safe
def sink_detail(request, workspace, pk):
    require(request.user, "core.view_auditevent", request.workspace)
    return _detail(request, _found(request, pk))


@require_POST
def sink_trial(request, workspace, pk):
    sink = _found(request, pk)
    try:
        services.try_sink(sink, actor=request.user)
    except services.NotTaken as error:
        messages.warning(request, f"{sink} did not take the trial message. {error}")
    else:
        messages.success(request, f"{sink} took the trial message.")
    return redirect(sink)


@require_POST
def sink_pause(request, workspace, pk):
    sink = services.pause_sink(_found(request, pk), actor=request.user)
    messages.success(request, f"{sink} is paused. What happens meanwhile is sent once you resume it.")
    return redirect(sink)


@require_POST
def sink_resumption(request, workspace, pk):
    sink = services.resume_sink(_found(request, pk), actor=request.user)
    messages.success(request, f"{sink} goes on where it stopped.")
    return redirect(sink)


@require_POST
def sink_replay(request, workspace, pk):
    sink = _found(request, pk)
    require(request.user, MANAGE, sink)
    form = ReplayForm(request.POST)
    if form.is_valid():
        try:
            services.replay_sink(sink, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{sink} is sent everything from leaf {form.cleaned_data['cursor']:,} on again.")
            return redirect(sink)
    return _detail(request, sink, form, status=422)


@require_POST
def sink_key(request, workspace, pk):
    sink = _found(request, pk)
    require(request.user, MANAGE, sink)
    require_recent_proof(request, f"Make a new key for {sink}")
    return _key_page(request, sink, services.rotate_key(sink, actor=request.user))


@require_http_methods(["GET", "HEAD", "POST"])
def sink_removal(request, workspace, pk):
    sink = _found(request, pk)
    require(request.user, MANAGE, sink)
    if request.method == "POST":
        services.remove_sink(sink, actor=request.user)
        messages.success(request, f"{sink} is removed. What was sent stays where it was sent.")
        return redirect("core:sink-list", request.workspace.slug)
    return render(request, "core/sink_removal.html", {"sink": sink})


def _found(request, pk):
    sinks = AuditSink.objects.in_workspace(request.workspace).select_related("workspace", "created_by")
    return get_object_or_404(sinks, pk=pk, removed_at=None)


def _key_page(request, sink, key):
    context = {"sink": sink, "key": key, "back_url": sink.get_absolute_url()}
    return render(request, "core/sink_key.html", context)


def _detail(request, sink, form=None, *, status=200):
    trail = reverse("core:audit-list", args=[request.workspace.slug])
    context = {
        "sink": sink,
        "backlog": with_backlog(request.workspace, [sink])[0].backlog,
        "keys": keys_of(sink, timezone.now()),
        "form": form or ReplayForm(),
        "denied": why_not(request.user, MANAGE, request.workspace),
        "trail_url": f"{trail}?target={sink.pk}",
    }
    return render(request, "core/sink_detail.html", context, status=status)
