"""A person's news in one workspace: the list, and marking it as read."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from galaxy.core.http import next_page, wants_partial
from galaxy.core.notifications import reading


@require_safe
def notification_list(request, workspace):
    """Unread news, or with ``show=all`` everything; ``kind`` narrows it, ``before`` is the place of an older page."""
    user, here = request.user, request.workspace
    kinds = reading.kinds_of(user, here)
    kind = next((kind for kind in kinds if kind.name == request.GET.get("kind")), None)
    is_all = request.GET.get("show") == "all"
    before = request.GET.get("before", "")
    name = kind.name if kind else ""
    context = {
        "page": reading.page_of(user, here, unread=not is_all, kind=name, before=before),
        "kinds": kinds,
        "kind": kind,
        "is_all": is_all,
        "is_later": bool(before),
    }
    return render(request, "core/notification_list.html", context)


@require_POST
def notification_reading(request, workspace, pk):
    """Mark one piece of news as read, or with ``state=unread`` as unread again."""
    news = get_object_or_404(reading.mine(request.user, request.workspace).select_related("by"), pk=pk)
    is_read = request.POST.get("state") != "unread"
    reading.mark(request.user, request.workspace, pk=news.pk, read=is_read)
    news.refresh_from_db(fields=["read_at"])
    if wants_partial(request):
        (row,) = reading.rows_of(request.user, request.workspace, [news])
        return render(request, "core/_notification_answer.html", {"row": row})
    return redirect(_back(request))


@require_POST
def notification_readings(request, workspace):
    """Mark everything as read, or with ``kind`` everything of that kind."""
    changed = reading.mark(request.user, request.workspace, kind=request.POST.get("kind", ""))
    messages.success(request, f"{changed} marked as read." if changed else "Nothing was unread.")
    return redirect(_back(request))


def _back(request) -> str:
    return next_page(request, reverse("core:notification-list", args=[request.workspace.slug]))
