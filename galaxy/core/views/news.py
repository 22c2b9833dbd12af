"""How news reaches a person in one workspace: their choices, their webhook, what they muted; and leaving mails."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import next_page, wants_partial
from galaxy.core.models import Mute
from galaxy.core.news_forms import HOOK, MAIL, HookForm, WorkspaceNewsForm
from galaxy.core.notifications import muting, reading, unsubscribing
from galaxy.core.notifications.choosing import choices_of, choose_in
from galaxy.core.notifications.hooks import services
from galaxy.core.recent_proof import require_recent_proof
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.sealing import why_closed


@require_http_methods(["GET", "HEAD", "POST"])
def news_settings(request, workspace):
    user, here = request.user, request.workspace
    hook, choices = services.hook_of(user, here), choices_of(user, here)
    form = WorkspaceNewsForm(request.POST if request.method == "POST" else None, choices=choices, hook=hook)
    if form.is_bound:
        if not form.is_valid():
            raise Invalid("One of these choices is not on offer, so nothing was changed.", next_step="Choose again.")
        choose_in(here, user, mails=form.chosen(MAIL), hooks=form.chosen(HOOK), digests=form.cleaned_data["digest"])
        messages.success(request, f"Your choices for {here.name} are kept.")
        return redirect("core:news-settings", here.slug)
    return _page(request, form, hook)


@require_POST
def news_hook(request, workspace):
    """Add one's webhook; its key is shown in this answer, and never again."""
    form = HookForm(request.POST)
    if form.is_valid():
        require_recent_proof(request, "Send your notifications to an address of your own")
        try:
            hook, key = services.create_hook(request.workspace, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            return _key_page(request, hook, key)
    own, choices = services.hook_of(request.user, request.workspace), choices_of(request.user, request.workspace)
    return _page(request, WorkspaceNewsForm(None, choices=choices, hook=own), own, form, status=422)


@require_POST
def news_hook_trial(request, workspace):
    try:
        services.try_hook(_own_hook(request), actor=request.user)
    except services.NotTaken as error:
        messages.warning(request, f"Your webhook did not take the trial message. {error}")
    else:
        messages.success(request, "Your webhook took the trial message.")
    return _to_hook(request)


@require_POST
def news_hook_key(request, workspace):
    hook = _own_hook(request)
    require_recent_proof(request, "Make a new key for your webhook")
    return _key_page(request, hook, services.rotate_key(hook, actor=request.user))


@require_POST
def news_hook_state(request, workspace):
    """``state`` is on or off."""
    if request.POST.get("state") == "off":
        services.switch_off(_own_hook(request), actor=request.user)
        messages.success(request, "Nothing is sent to your webhook any more.")
    else:
        services.switch_on(_own_hook(request), actor=request.user)
        messages.success(request, "Your webhook is sent what happens from now on.")
    return _to_hook(request)


@require_POST
def news_hook_removal(request, workspace):
    services.remove_hook(_own_hook(request), actor=request.user)
    messages.success(request, "Your webhook is removed, and its keys are destroyed.")
    return _to_hook(request)


@require_POST
def notification_muting(request, workspace, pk):
    """Hear nothing more about what a piece of news is about, or with ``state=on`` hear of it again."""
    mine = reading.mine(request.user, request.workspace).select_related("by", "person", "workspace")
    news = get_object_or_404(mine, pk=pk)
    (row,) = reading.rows_of(request.user, request.workspace, [news])
    if row.kind.fixed:
        raise Conflict(f"{row.kind.title}: this cannot be muted. {row.kind.fixed}")
    is_mute = request.POST.get("state") != "on"
    if is_mute:
        muting.mute(news)
    else:
        muting.unmute(request.user, request.workspace, news.target_id)
    if wants_partial(request):
        news.refresh_from_db(fields=["read_at"])
        (row,) = reading.rows_of(request.user, request.workspace, [news])
        said = "Muted: you hear nothing more of it." if is_mute else "You hear of it again."
        return render(request, "core/_notification_answer.html", {"row": row, "said": said})
    messages.success(request, "You hear nothing more of it." if is_mute else "You hear of it again.")
    return redirect(next_page(request, reverse("core:notification-list", args=[request.workspace.slug])))


@require_POST
def mute_ending(request, workspace, pk):
    row = get_object_or_404(Mute.objects.in_workspace(request.workspace).of(request.user), pk=pk)
    muting.unmute(request.user, request.workspace, row.target_id)
    messages.success(request, "You hear of it again.")
    return redirect(reverse("core:news-settings", args=[request.workspace.slug]) + "#muted")


@csrf_exempt  # mail programs post without a form (RFC 8058); the signed address stands for its person, for this alone
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscription(request, token):
    """Behind a mail's own header and link: the GET shows, the POST acts. A mail program is answered without a page."""
    mailed = unsubscribing.read(token)
    if mailed is None:
        raise Http404("This address is not one of ours, or what it was for is gone.")
    with workspace_scope([mailed.workspace.pk], mailed.user.pk):
        if request.method == "POST":
            unsubscribing.leave(mailed)
            if request.POST.get("List-Unsubscribe") == "One-Click":
                return HttpResponse("Done.", content_type="text/plain")
        return render(request, "core/unsubscription.html", {"mailed": mailed, "is_left": mailed.is_left})


def _own_hook(request):
    hook = services.hook_of(request.user, request.workspace)
    if hook is None:
        raise Http404("You have no webhook here.")
    return hook


def _to_hook(request):
    return redirect(reverse("core:news-settings", args=[request.workspace.slug]) + "#webhook")


def _key_page(request, hook, key):
    back_url = reverse("core:news-settings", args=[request.workspace.slug]) + "#webhook"
    return render(request, "core/news_hook_key.html", {"hook": hook, "key": key, "back_url": back_url})


def _page(request, form, hook, hook_form=None, *, status=200):
    context = {
        "form": form,
        "hook": hook,
        "keys": services.keys_of(hook) if hook else [],
        "hook_form": hook_form or HookForm(),
        "closed": None if hook else why_closed(),
        "mutes": muting.mutes_of(request.user, request.workspace),
    }
    return render(request, "core/news_settings.html", context, status=status)
