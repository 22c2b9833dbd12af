"""A draft as a form: its manifest field by field, beside the editor of its text."""

from dataclasses import replace

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.errors import DomainError
from galaxy.core.http import wants_partial
from marketplace.checks import Checked
from marketplace.workshop.drafts import checked_of, save_draft
from marketplace.workshop.errors import WrittenMeanwhile
from marketplace.workshop.field_forms import FieldsForm, RevisionForm
from marketplace.workshop.field_values import values_of
from marketplace.workshop.models import Draft
from marketplace.workshop.views import draft_of
from registry.manifests import Finding


@require_http_methods(["GET", "HEAD", "POST"])
def draft_fields(request, workspace, pk):
    """The form; a POST saves what was typed as the draft's text, or asks for the fields of another action."""
    draft = draft_of(request, pk)
    values = values_of(draft.text)
    if values is None:
        return _page(request, draft, None, status=422 if request.method == "POST" else 200)
    if request.method != "POST":
        return _page(request, draft, FieldsForm(values))
    form, revision = FieldsForm(values, request.POST), RevisionForm(request.POST)
    if form.is_adding:
        return _page(request, draft, form)
    if not (revision.is_valid() and form.is_valid() and (text := form.filled())):
        return _page(request, draft, form, status=422)
    try:
        draft, checked = save_draft(draft, text=text, actor=request.user, **revision.cleaned_data)
    except DomainError as error:
        if isinstance(error, WrittenMeanwhile):
            error.next_step = "What you typed is below and not saved. Open the draft in another tab to see what is new."
        return _page(request, draft, form, refusal=error, status=error.status)
    messages.success(request, "Saved." if not checked.errors else "Saved, with what is open listed beside it.")
    return redirect("workshop:draft-fields", request.workspace.slug, draft.pk)


@require_POST
def draft_fields_check(request, workspace, pk):
    """The findings of what is typed, saving nothing."""
    draft = draft_of(request, pk)
    values = values_of(draft.text)
    if values is None:
        return _page(request, draft, None, status=422)
    form = FieldsForm(values, request.POST)
    checked = _checked(draft, form)
    if wants_partial(request):
        return render(request, "marketplace/checks/_findings.html", {"checked": checked})
    return _page(request, draft, form, checked=checked)


def _checked(draft: Draft, form: FieldsForm) -> Checked:
    """All findings of what the fields say. They have no lines: nobody sees the text that they would be of."""
    if any(one.severity == "error" for one in form.findings):  # it was read already, and its fields carry them
        return Checked(None, form.findings)
    if not form.is_valid():
        return Checked(None, _unreadable(form))
    text = form.filled()
    if not text:
        return Checked(None, form.findings)
    return _without_lines(checked_of(draft, text))


def _unreadable(form: FieldsForm) -> list[Finding]:
    forms = [*form.parts, *(form.actions.forms if form.actions is not None else ())]
    return [
        Finding("bad-value", 0, 0, f"{one[name].label}: {error}", "Correct it in its field.", path=one.add_prefix(name))
        for one in forms
        for name, errors in one.errors.items()
        for error in errors
    ]


def _page(
    request,
    draft: Draft,
    form: FieldsForm | None,
    *,
    checked: Checked | None = None,
    refusal: DomainError | None = None,
    status: int = 200,
):
    if form is not None and checked is None:
        is_typed = form.parts[0].is_bound
        checked = _checked(draft, form) if is_typed else _without_lines(checked_of(draft))
    context = {
        "draft": draft,
        "form": form,
        "revision": request.POST.get("revision") or draft.revision,
        "checked": checked,
        "refusal": refusal,
        "is_unsaved": request.method == "POST" and refusal is None,
    }
    return render(request, "workshop/draft_fields.html", context, status=status)


def _without_lines(checked: Checked) -> Checked:
    return replace(checked, findings=[replace(one, line=0) if not one.file else one for one in checked.findings])
