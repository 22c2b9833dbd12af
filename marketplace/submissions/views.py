"""Pages of those who submit: from a draft to a submission, the list, and one submission with where it stands."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from galaxy.core.errors import DomainError, Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import require
from marketplace.desk import desk as marketplace_desk
from marketplace.submissions.comparing import lines_of, newest_of
from marketplace.submissions.facing import PRIVATE, PUBLIC, Order, checked_for, desk_for, publishers_for
from marketplace.submissions.forms import SubmitForm
from marketplace.submissions.models import Submission
from marketplace.submissions.proof import report_of
from marketplace.submissions.reading import (
    earlier_of,
    reasons_of,
    remarks_of,
    rows_of,
    signed_of,
    steps_of,
    submissions_of,
)
from marketplace.submissions.services import submit, withdraw
from marketplace.submissions.standing import figures_of, standing_of
from marketplace.workshop.drafts import MAY_WRITE, files_of
from marketplace.workshop.models import Draft
from marketplace.workshop.reading import newest_submission_of

PAGE_SIZE = 40


@require_safe
def submission_list(request, workspace):
    require(request.user, MAY_WRITE, request.workspace)
    page = Paginator(submissions_of(request.workspace), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": rows_of(list(page.object_list))}
    return render(request, "submissions/submission_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def submission_create(request, workspace, pk):
    """From a draft: for which catalogue, under which name, and what is new. The draft is handed in as it is saved."""
    require(request.user, MAY_WRITE, request.workspace)
    drafts = Draft.objects.in_workspace(request.workspace).kept().select_related("workspace", "extension")
    draft = get_object_or_404(drafts, pk=pk)
    desk, publishers = marketplace_desk(), publishers_for(request.user, request.workspace)
    last = newest_submission_of(draft)
    catalogue = PUBLIC if desk and (last is None or last.is_public) else PRIVATE
    form = SubmitForm(
        request.POST if request.method == "POST" else None,
        publishers=publishers,
        has_marketplace=desk is not None,
        has_version=newest_of(draft.slug, request.workspace) is not None,
        initial={
            "catalogue": catalogue,
            "publisher": last.owner_id if last else None,
            "support": last.support if last else "",
        },
    )
    refusal, status = None, 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        try:
            order = Order(
                desk_for(request.workspace, given["catalogue"]),
                given["publisher"] if given["catalogue"] == PUBLIC else None,
                given["changes"],
                given["support"],
                given["security_fix"],
            )
            row = submit(draft, order=order, actor=request.user)
        except Invalid as error:
            refusal, status = error, error.status
            if set(error.fields) & set(form.fields):
                add_refusals(form, error)
        except DomainError as error:
            refusal, status = error, error.status
        else:
            messages.success(request, f"{row} is submitted.")
            return redirect(row.url_in(request.workspace))
    first = publishers.first()
    name = first.name if first and catalogue == PUBLIC else request.workspace.name[:80]
    context = {
        "draft": draft,
        "form": form,
        "refusal": refusal,
        "has_marketplace": desk is not None,
        "publishers": publishers,
        "lines": list(enumerate(lines_of(draft.text), 1)),
        "checked": checked_for(request.workspace, draft.text, files_of(draft), name),
        "files": list(draft.files.defer("content")),
        "figures": figures_of(desk.pk) if desk else None,
        "open_one": submissions_of(request.workspace).open().filter(slug=draft.slug).first() if draft.slug else None,
    }
    return render(request, "submissions/submission_create.html", context, status=status)


@require_safe
def submission_detail(request, workspace, pk):
    row = _submission(request, pk)
    context = {
        "submission": row,
        "standing": standing_of(row),
        "steps": steps_of(row),
        "remarks": remarks_of(row),
        "lines": list(enumerate(lines_of(row.text), 1)),
        "report": report_of(row.digest) if row.is_public else {},
        "reasons": reasons_of(row),
        "signed": signed_of(row),
        "files": list(row.files.defer("content").order_by("path")),
        "earlier": earlier_of(row),
        "after": Submission.objects.in_workspace(request.workspace).filter(before=row).first(),
        "can_resubmit": not row.is_open and row.draft is not None and row.draft.removed_at is None,
    }
    return render(request, "submissions/submission_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def submission_withdrawal(request, workspace, pk):
    """Asks first."""
    row = _submission(request, pk)
    if request.method == "POST":
        row = withdraw(row, actor=request.user)
        messages.success(request, f"{row} is withdrawn. The draft is as it was.")
        return redirect(row.url_in(request.workspace))
    return render(request, "submissions/submission_withdrawal.html", {"submission": row})


def _submission(request, pk) -> Submission:
    require(request.user, MAY_WRITE, request.workspace)
    rows = Submission.objects.in_workspace(request.workspace)
    people = ("reviewer", "submitted_by", "decided_by", "owner", "draft", "version__extension__owner")
    return get_object_or_404(rows.select_related(*people), pk=pk)
