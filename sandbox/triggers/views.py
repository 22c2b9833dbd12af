"""The pages of triggers: the list, making and changing one, its page, what came in, and what people do with it."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.permissions import require, why_not
from galaxy.core.recent_proof import require_recent_proof
from galaxy.core.vault.sealing import why_closed
from sandbox.models import Trigger, TriggerDelivery
from sandbox.triggers import services
from sandbox.triggers.counting import not_taken
from sandbox.triggers.forms import (
    ChoosingForm,
    DeliveryFilterForm,
    OffForm,
    RotationForm,
    TriggerForm,
    initial_new,
)
from sandbox.triggers.mapping import resolved_target
from sandbox.triggers.page import TriggerPage, sees_events
from sandbox.triggers.sources import classes_of

PAGE_SIZE = 25
MANAGE = services.MANAGE


@require_safe
def trigger_list(request, workspace):
    require(request.user, "core.view_installation", request.workspace)
    rows = Trigger.objects.in_workspace(request.workspace).kept()
    rows = rows.select_related("workspace", "owner", "installation__extension").order_by("name", "pk")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "denied": why_not(request.user, MANAGE, request.workspace)}
    return render(request, "sandbox/triggers/trigger_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("secret")
def trigger_create(request, workspace):
    """Two steps in one address: what starts what (by GET), then the rest. The secret is shown in the answer to the
    POST, and never again."""
    require(request.user, MANAGE, request.workspace)
    choosing = ChoosingForm(
        request.GET if "target" in request.GET else None,
        workspace=request.workspace,
        user=request.user,
        made_from=request.GET.get("made_from", ""),
    )
    if not choosing.is_bound or not choosing.is_valid():
        return _choosing_page(request, choosing)
    trigger = Trigger(
        workspace=request.workspace, kind=choosing.cleaned_data["kind"], target=choosing.cleaned_data["target"]
    )
    found = resolved_target(request.workspace, trigger.target)
    schema = (found.action or found.manifest).inputs
    initial = initial_new(trigger.kind, choosing.source, list(schema.get("required", ())))
    form = TriggerForm(_sent(request), trigger=trigger, user=request.user, initial=initial)
    if form.is_bound and form.is_valid():
        secret = form.cleaned_data.get("secret", "")
        try:
            made, key = services.create_trigger(
                request.workspace,
                actor=request.user,
                kind=trigger.kind,
                values=form.values,
                made_from=choosing.source,
                classes=classes_of(choosing.source, trigger.kind),
                secret=secret,
            )
        except Invalid as error:
            form.refuse(error)
        except services.SlugUsed as error:
            form.add_error("slug", str(error))
        else:
            if key and not secret:
                return _secret_page(request, made, key)
            messages.success(request, f"{made} is made. It starts nothing before it is switched on.")
            return redirect(made)
    return _form_page(request, form)


@require_safe
def trigger_detail(request, workspace, pk):
    return _detail(request, _found(request, pk))


@require_http_methods(["GET", "HEAD", "POST"])
def trigger_change(request, workspace, pk):
    trigger = _found(request, pk)
    require(request.user, MANAGE, request.workspace)
    form = TriggerForm(_sent(request), trigger=trigger, user=request.user)
    if form.is_bound and form.is_valid():
        was_on = trigger.is_on
        try:
            changed = services.change_trigger(trigger, actor=request.user, values=form.values)
        except Invalid as error:
            form.refuse(error)
        except services.SlugUsed as error:
            form.add_error("slug", str(error))
        else:
            if was_on and not changed.is_on:
                messages.warning(request, f"{changed} is changed, and off: {changed.paused_because}")
            else:
                messages.success(request, f"{changed} is changed. You answer for it from here on.")
            return redirect(changed)
    return _form_page(request, form)


@require_POST
def trigger_switch_on(request, workspace, pk):
    trigger = _found(request, pk)
    try:
        trigger = services.switch_on(trigger, actor=request.user)
    except services.NotReady as error:
        messages.error(request, f"{trigger} stays off. {error}")
    else:
        messages.success(request, f"{trigger} is on. You answer for what it starts.")
    return redirect(trigger)


@require_POST
def trigger_switch_off(request, workspace, pk):
    trigger = _found(request, pk)
    require(request.user, MANAGE, request.workspace)
    form = OffForm(request.POST)
    if not form.is_valid():
        return _detail(request, trigger, off=form, status=422)
    trigger = services.switch_off(trigger, actor=request.user, reason=form.cleaned_data["reason"])
    messages.success(request, f"{trigger} is off. Nothing starts before it is switched on again.")
    return redirect(trigger)


@require_POST
def trigger_trial(request, workspace, pk):
    firing = services.try_trigger(_found(request, pk), actor=request.user)
    if firing.run:
        messages.success(request, "The sample event started this run. It is simulated.")
        return redirect(firing.run)
    messages.error(request, f"Nothing was started. {firing.sentence}")
    return redirect(firing.trigger)


@require_POST
@sensitive_post_parameters("secret")
def trigger_secret(request, workspace, pk):
    """Another secret, shown in this answer and never again."""
    trigger = _found(request, pk)
    require(request.user, MANAGE, request.workspace)
    form = RotationForm(request.POST)
    if form.is_valid():
        if not form.cleaned_data["secret"]:  # a form that waits for proof is kept, and this one would hold a secret
            require_recent_proof(request, f"Make a new secret for {trigger}")
        try:
            key = services.rotate_secret(trigger, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            if not form.cleaned_data["secret"]:
                return _secret_page(request, trigger, key)
            messages.success(request, "The secret is in force.")
            return redirect(trigger)
    return _detail(request, trigger, rotation=form, status=422)


@require_POST
def trigger_secret_end(request, workspace, pk):
    trigger = _found(request, pk)
    ended = services.end_older_secrets(trigger, actor=request.user)
    messages.success(request, "Only the newest secret signs." if ended else "There was no older secret any more.")
    return redirect(trigger)


@require_http_methods(["GET", "HEAD", "POST"])
def trigger_removal(request, workspace, pk):
    trigger = _found(request, pk)
    require(request.user, MANAGE, request.workspace)
    if request.method == "POST":
        services.remove_trigger(trigger, actor=request.user)
        messages.success(request, f"{trigger} is deleted. What it started stays as it is.")
        return redirect("sandbox:trigger-list", request.workspace.slug)
    return render(request, "sandbox/triggers/trigger_removal.html", {"trigger": trigger})


@require_safe
def delivery_list(request, workspace, pk):
    """What came in at a webhook, for whoever may see every run or manages triggers, and for its owner."""
    trigger = _found(request, pk)
    if not trigger.is_webhook:
        raise Conflict("Nothing comes in at a schedule.", "Look at its runs.")
    if not sees_events(request.user, trigger):
        require(request.user, "core.view_run", request.workspace)
    form = DeliveryFilterForm(request.GET)
    is_valid = form.is_valid()
    rows = TriggerDelivery.objects.in_workspace(request.workspace).filter(trigger=trigger)
    rows = form.apply(rows) if is_valid else rows.none()
    rows = rows.select_related("firing__run__workspace").defer("firing__events").order_by("-received_at", "pk")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    is_filtered = not is_valid or any(form.cleaned_data.values())
    context = {"trigger": trigger, "form": form, "page": page, "is_filtered": is_filtered}
    context["days"] = settings.GALAXY_KEEP_DELIVERIES_DAYS
    if not wants_partial(request):
        context["not_taken"] = not_taken(trigger, timezone.now() - timedelta(days=context["days"]))
    template = "sandbox/triggers/_deliveries.html" if wants_partial(request) else "sandbox/triggers/delivery_list.html"
    return render(request, template, context, status=200 if is_valid else 422)


def _sent(request):
    return request.POST if request.method == "POST" else None


def _found(request, pk) -> Trigger:
    require(request.user, "core.view_installation", request.workspace)
    rows = Trigger.objects.in_workspace(request.workspace).kept()
    related = ("workspace", "owner", "created_by", "paused_by", "installation__extension", "made_from__extension")
    return get_object_or_404(rows.select_related(*related), pk=pk)


def _choosing_page(request, form: ChoosingForm):
    is_tried = form.is_bound and bool(form.errors)
    context = {"form": form, "install_denied": why_not(request.user, "core.install_extension", request.workspace)}
    return render(request, "sandbox/triggers/trigger_choose.html", context, status=422 if is_tried else 200)


def _form_page(request, form: TriggerForm):
    is_sealed = form.is_new and form.trigger.is_webhook
    context = {"form": form, "trigger": form.trigger, "closed": why_closed() if is_sealed else None}
    return render(
        request, "sandbox/triggers/trigger_form.html", context, status=422 if form.is_bound and form.errors else 200
    )


def _secret_page(request, trigger: Trigger, key: str):
    address = request.build_absolute_uri(f"/hooks/{trigger.address}/")
    context = {"trigger": trigger, "key": key, "address": address, "back_url": trigger.get_absolute_url()}
    return render(request, "sandbox/triggers/trigger_secret.html", context)


def _detail(request, trigger: Trigger, *, off: OffForm | None = None, rotation: RotationForm | None = None, status=200):
    page = TriggerPage(trigger, request.user)
    context = {
        "trigger": trigger,
        "page": page,
        "address": request.build_absolute_uri(f"/hooks/{trigger.address}/")
        if trigger.is_webhook and page.sees_address
        else "",
        "off": off or OffForm(),
        "rotation": rotation or RotationForm(),
        "denied": why_not(request.user, MANAGE, request.workspace),
        "simulated": trigger.simulates,
    }
    return render(request, "sandbox/triggers/trigger_detail.html", context, status=status)
