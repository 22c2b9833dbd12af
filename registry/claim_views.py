"""Pages of names that are asked for: a workspace asks for one that another has, the desk decides."""

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from galaxy.core.errors import DomainError, Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import require
from registry.models import NameClaim
from registry.publisher_views import require_maker, vouches
from registry.publishers.claiming import MAY_CLAIM
from registry.publishers.handing_over import MOST_PLEA, answer_claim, ask_for_name
from registry.publishers.naming import holder_of

PAGE_SIZE = 40


class AskForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="As it is taken.")
    plea = forms.CharField(
        label="Why it is yours",
        max_length=MOST_PLEA,
        help_text="Say where that can be seen: a register of trade marks, your own site. The desk reads it.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class AnswerForm(forms.Form):
    reason = forms.CharField(max_length=300, help_text="Both sides read it.", widget=forms.Textarea(attrs={"rows": 3}))
    answer = forms.ChoiceField(choices=[("grant", "Yes"), ("refuse", "No")])


@require_safe
def name_claim_list(request, workspace):
    """What this workspace asked for, or at the desk all of it, the open ones first."""
    require_maker(request)
    rows = NameClaim.objects.select_related("publisher", "asked_by", "first_by", "decided_by")
    if not vouches(request):
        rows = rows.filter(workspace=request.workspace)
    page = Paginator(rows.order_by(F("decided_at").desc(nulls_first=True), "asked_at"), PAGE_SIZE)
    context = {"page": page.get_page(request.GET.get("page")), "is_desk": vouches(request)}
    return render(request, "registry/name_claim_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def name_claim_create(request, workspace):
    require(request.user, MAY_CLAIM, request.workspace)
    name = request.GET.get("name", "").replace("\x00", "")[:80]
    form = AskForm(request.POST) if request.method == "POST" else AskForm(initial={"name": name})
    if form.is_bound and form.is_valid():
        there = holder_of(form.cleaned_data["name"])
        try:
            if there is None:
                raise Invalid("It is free.", {"name": "Nobody has this name, nor one like it: claim it."})
            plea = form.cleaned_data["plea"]
            row = ask_for_name(request.workspace, publisher=there, plea=plea, actor=request.user)
        except Invalid as error:
            add_refusals(form, error)
        except DomainError as error:
            form.add_error(None, f"{error} {error.next_step}")
        else:
            messages.success(request, "The desk is asked. You are told what it decides.")
            return redirect(row.url_in(request.workspace))
    return render(request, "registry/name_claim_create.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def name_claim_detail(request, workspace, pk):
    """The desk reads it with what the name holds, and answers; who asked sees how it stands."""
    require_maker(request)
    rows = NameClaim.objects.select_related("publisher", "asked_by", "first_by", "decided_by")
    if not vouches(request):
        rows = rows.filter(workspace=request.workspace)
    row = get_object_or_404(rows, pk=pk)
    form = AnswerForm(request.POST if request.method == "POST" else None)
    status = 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        try:
            row = answer_claim(row, grant=given["answer"] == "grant", reason=given["reason"], actor=request.user)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, _said(row))
            return redirect(row.url_in(request.workspace))
    context = {
        "claim": row,
        "form": form,
        "is_desk": vouches(request),
        "is_mine": request.user.pk in (row.asked_by_id, row.first_by_id),
        "extensions": row.publisher.extensions.count(),
    }
    return render(request, "registry/name_claim_detail.html", context, status=status)


def _said(row: NameClaim) -> str:
    if row.is_open:
        return "Your yes is noted. The name goes over with that of a second person."
    return f"{row.publisher} is theirs now." if row.state == NameClaim.State.GRANTED else "The name stays where it is."
