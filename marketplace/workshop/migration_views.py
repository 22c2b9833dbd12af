"""A draft in an older format: both texts beside each other, and keeping the new one."""

from difflib import unified_diff

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from marketplace.workshop.drafts import save_draft
from marketplace.workshop.views import draft_of
from registry.manifests.migrations import Migrated, migrated

_KINDS = {"+": "added", "-": "removed", " ": "same"}


@require_http_methods(["GET", "HEAD", "POST"])
def draft_migration(request, workspace, pk):
    """Shows what each step changes; a POST keeps it, if nobody saved the draft meanwhile. 404 for the newest format."""
    draft = draft_of(request, pk)
    found = migrated(draft.text)
    if not found.is_changed:
        raise Http404("It is of the newest format.")
    if request.method == "POST":
        revision = request.POST.get("revision", "")
        shown = int(revision) if revision.isdecimal() and len(revision) < 10 else -1
        draft, _ = save_draft(draft, text=found.text, revision=shown, actor=request.user)
        messages.success(request, "It is of the newest format now.")
        return redirect(draft)
    context = {"draft": draft, "found": found, "lines": diff_of(found)}
    return render(request, "workshop/draft_migration.html", context)


def diff_of(found: Migrated) -> list[tuple[str, str]]:
    """Both texts as lines of one: pairs of (same, added or removed) and the line."""
    before, after = found.before.splitlines(), found.text.splitlines()
    lines = list(unified_diff(before, after, n=len(before), lineterm=""))[3:]
    return [(_KINDS[line[:1]], line[1:]) for line in lines]
