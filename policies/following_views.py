"""What people do to one request besides deciding: take it back, remind, hand over, narrow, ask again."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import next_page
from policies import subjects
from policies.forms import HandOverForm, NarrowingForm
from policies.reading import request_of
from policies.services import following
from policies.services.reviewers import reviewers_of
from policies.views import found


@require_POST
def approval_withdrawal(request, workspace, pk):
    approval = following.withdraw_approval(found(request, pk), actor=request.user)
    messages.success(request, "Withdrawn. Nothing of it will run.")
    return redirect(approval)


@require_POST
def approval_reminder(request, workspace, pk):
    approval = following.remind(found(request, pk), actor=request.user)
    messages.success(request, "Those who are asked were reminded.")
    return redirect(approval)


@require_POST
def approval_repetition(request, workspace, pk):
    approval = following.ask_again(found(request, pk), actor=request.user)
    said = f"It was approved: {approval.summary}." if approval.decided_at else "Asked again, as things stand now."
    messages.success(request, said)
    return redirect(approval)


@require_http_methods(["GET", "HEAD", "POST"])
def approval_handover(request, workspace, pk):
    """Pass a request on to another who may answer it; the others still may."""
    approval = found(request, pk)
    people = reviewers_of(approval).exclude(pk=request.user.pk).order_by("name", "email")
    form = HandOverForm(request.POST if request.method == "POST" else None, people=people)
    if request.method == "POST" and form.is_valid():
        try:
            following.hand_over(approval, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"Handed over to {form.cleaned_data['to']}.")
            return redirect(next_page(request, reverse("policies:approval-list", args=[request.workspace.slug])))
    context = {"opened": request_of(approval, request.user), "form": form, "people": people}
    return render(request, "policies/approval_handover.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def approval_narrowing(request, workspace, pk):
    """Make a request smaller; what comes of it is a request of its own, which is then decided like any other."""
    approval = found(request, pk)
    opened = request_of(approval, request.user)
    subject = subjects.subject_of(approval)
    parts = subject.narrowable(approval) if opened.can_narrow and subject and subject.narrowable else ()
    form = NarrowingForm(request.POST if request.method == "POST" else None, parts=parts, digest=approval.digest)
    if request.method == "POST" and form.is_valid():
        try:
            narrowed = following.narrow(
                approval, reviewer=request.user, digest=form.cleaned_data["digest"], values=form.values
            )
        except Invalid as error:
            form.add_error(None, " ".join([str(error), *error.fields.values()]))
        else:
            messages.success(request, "Narrowed, and not decided yet: look at it once more, then approve it.")
            return redirect(narrowed)
    context = {"opened": opened, "form": form, "parts": parts}
    return render(request, "policies/approval_narrowing.html", context, status=422 if form.errors else 200)
