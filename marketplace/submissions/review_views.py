"""Pages of reviewers: what waits at this desk, and one submission with all there is to judge it by."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from galaxy.core.errors import DomainError, Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.permissions import require
from marketplace.desk import MAY_REVIEW
from marketplace.models import VerificationLevel
from marketplace.submissions import services
from marketplace.submissions.approving import approve
from marketplace.submissions.attestations import ATTESTATIONS
from marketplace.submissions.comparing import changed_since, compare, lines_of
from marketplace.submissions.forms import DecisionForm, QueueForm
from marketplace.submissions.models import State, Submission
from marketplace.submissions.proof import behaviour, evidence_of, report_of
from marketplace.submissions.reading import (
    earlier_of,
    findings_of,
    queue_of,
    reasons_of,
    refused_before,
    remarks_of,
    rows_of,
    signed_of,
    steps_of,
)
from marketplace.submissions.standing import figures_of
from registry.asks import asks_of
from registry.manifests import load
from registry.publishers.team import is_of_team

PAGE_SIZE = 40
PEOPLE = ("reviewer", "submitted_by", "decided_by", "owner", "version__extension__owner")
SAID = {
    "approve": "{row} is approved and published.",
    "request_changes": "{row} goes back to its authors.",
    "reject": "{row} is rejected.",
}


@require_safe
def review_list(request, workspace):
    require(request.user, MAY_REVIEW, request.workspace)
    form = QueueForm(request.GET)
    rows = form.apply(queue_of(request.workspace), request.user)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": rows_of(list(page.object_list)),
        "figures": figures_of(request.workspace.pk),
    }
    template = "submissions/_reviews.html" if wants_partial(request) else "submissions/review_list.html"
    return render(request, template, context)


@require_safe
def review_detail(request, workspace, pk):
    row = _submission(request, pk)
    return render(request, "submissions/review_detail.html", _review(request, row, None))


@require_POST
def review_taking(request, workspace, pk):
    row = services.take(_submission(request, pk), desk=request.workspace, actor=request.user)
    messages.success(request, f"You review {row}.")
    return redirect(row.review_url_in(request.workspace))


@require_POST
def review_proof(request, workspace, pk):
    """Have its tests run again; the page shows what came of them once a worker is done."""
    row = _submission(request, pk)
    services.prove_again(row, desk=request.workspace, actor=request.user)
    messages.success(request, "The tests run again. Reload the page in a moment.")
    return redirect(row.review_url_in(request.workspace))


@require_POST
def review_release(request, workspace, pk):
    row = services.release(_submission(request, pk), desk=request.workspace, actor=request.user)
    messages.success(request, f"{row} is back in line, in its old place.")
    return redirect(row.review_url_in(request.workspace))


@require_POST
def review_decision(request, workspace, pk):
    row = _submission(request, pk)
    form, status = DecisionForm(request.POST, count=len(row.findings)), 422
    if form.is_valid():
        try:
            decided = _decide(row, request, **form.cleaned_data)
        except Invalid as error:
            status = error.status
            add_refusals(form, error)
            if error.next_step:
                form.add_error(None, error.next_step)
        except DomainError as error:
            status = error.status
            form.add_error(None, f"{error} {error.next_step}")
        else:
            messages.success(request, SAID[form.cleaned_data["decision"]].format(row=decided))
            return redirect(decided.review_url_in(request.workspace))
    return render(request, "submissions/review_detail.html", _review(request, row, form), status=status)


def _decide(row: Submission, request, *, decision, reason, level, finding, attested, confirms_fix) -> Submission:
    who = {"desk": request.workspace, "actor": request.user}
    if decision == "approve":
        given = {"level": level or VerificationLevel.COMMUNITY, "attestations": attested, "confirms_fix": confirms_fix}
        return approve(row, note=reason, **given, **who)
    return getattr(services, decision)(row, reason=reason, findings=tuple(finding), **who)


def _submission(request, pk) -> Submission:
    require(request.user, MAY_REVIEW, request.workspace)
    rows = Submission.objects.at_desk(request.workspace)
    return get_object_or_404(rows.select_related(*PEOPLE), pk=pk)


def _review(request, row: Submission, form: DecisionForm | None) -> dict:
    files = {file.path: (bytes(file.content), file.sha256) for file in row.files.order_by("path")}
    manifest = load(row.manifest)
    is_author = request.user.pk in row.author_ids or bool(row.owner and is_of_team(request.user, row.owner))
    rivals = queue_of(request.workspace).filter(slug=row.slug, desk=request.workspace).open().exclude(pk=row.pk)
    comparison = compare(row, files)
    refused = refused_before(row)
    return {
        "submission": row,
        "evidence": evidence_of(row),
        "report": report_of(row.digest),
        "behaviour": behaviour(comparison.base.digest, row.digest) if comparison.base else [],
        "form": form or DecisionForm(count=len(row.findings)),
        "comparison": comparison,
        "refused": refused,
        "reasons_before": reasons_of(refused) if refused else [],
        "since": changed_since(refused, row.text, files) if refused else [],
        "manifest": manifest,
        "asks": asks_of(manifest),
        "lines": list(enumerate(lines_of(row.text), 1)),
        "findings": findings_of(row),
        "remarks": remarks_of(row),
        "reasons": reasons_of(row),
        "signed": signed_of(row),
        "steps": steps_of(row),
        "earlier": earlier_of(row),
        "rivals": list(rivals),
        "is_author": is_author,
        "is_mine": row.state == State.IN_REVIEW and row.reviewer_id == request.user.pk,
        "can_take": row.state == State.SUBMITTED and not is_author,
        "can_release": row.state == State.IN_REVIEW and not is_author,
        "levels": VerificationLevel.choices,
        "attestations": list(ATTESTATIONS.items()),
    }
