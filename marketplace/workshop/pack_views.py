"""The editor of a pack: its steps by form, with mappings by pointing, beside its graph and its findings."""

import json
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.errors import DomainError
from galaxy.core.http import wants_partial
from marketplace.checks import Checked
from marketplace.workshop.drafts import checked_of, save_draft
from marketplace.workshop.errors import WrittenMeanwhile
from marketplace.workshop.field_forms import RevisionForm
from marketplace.workshop.field_values import text_of, values_of
from marketplace.workshop.models import Draft
from marketplace.workshop.pack_calls import Calls
from marketplace.workshop.pack_form import PackForm
from marketplace.workshop.pack_moves import Moved, moved
from marketplace.workshop.pack_trials import begin_trial, samples_of
from marketplace.workshop.pack_values import Values, json_of, read_pack
from marketplace.workshop.views import draft_of
from registry.manifests import Finding
from registry.manifests.value_shapes import KINDS


@require_http_methods(["GET", "HEAD", "POST"])
def pack_editor(request, workspace, pk):
    """The steps of a pack; a POST saves them as the draft's text, or adds, moves, removes and puts back, or checks."""
    draft = draft_of(request, pk)
    base = values_of(draft.text)
    if base is None or not _is_pack(base):
        return _page(request, draft, None, status=422 if request.method == "POST" else 200)
    if request.method != "POST":
        return _page(request, draft, PackForm(base, Calls(request.workspace, base.get("requires")).called))
    if _has_odd_text(request):
        form = PackForm(base, Calls(request.workspace, base.get("requires")).called)
        problem = "A field held a character that no text may hold. This is what is saved."
        return _page(request, draft, form, did=Moved("", problem=problem), status=422)
    values, calls = _typed(request, base)
    act = "check" if "typing" in request.GET else request.POST.get("do", "save")
    if act == "default":  # Enter in a field: where it is the one of a new step, that is meant
        act = "add-step" if request.POST.get("add-use", "").strip() else "save"
    if act not in ("save", "check"):
        did = moved(values, act, calls, use=request.POST.get("add-use", ""), removed=json_of(_post(request, "removed")))
        calls = Calls(request.workspace, values.get("requires"))
        form = PackForm(values, calls.called)
        return _page(request, draft, form, did=did or Moved(""), status=422 if did and did.problem else 200)
    text, reading = text_of(values)
    form = PackForm(values, calls.called, reading.errors)
    if act == "check":
        checked = without_lines(checked_of(draft, text)) if text else Checked(None, reading.findings)
        if wants_partial(request) and "typing" in request.GET:
            return render(request, "marketplace/checks/_findings.html", {"checked": checked})
        count = len(checked.errors)
        said = f"Checked: {count} to correct, marked where it stands." if count else "Checked: nothing to correct."
        return _page(request, draft, form, checked=checked, did=Moved(said))
    return _save(request, draft, form, text)


@require_POST
def pack_trial(request, workspace, pk):
    """Simulate what is saved, or lead to the consent to its version where that is not what is installed."""
    draft = draft_of(request, pk)
    try:
        version, run = begin_trial(draft, request.POST, actor=request.user)
    except DomainError as error:
        base = values_of(draft.text)
        form = PackForm(base, Calls(request.workspace, base.get("requires")).called) if _is_pack(base) else None
        return _page(request, draft, form, refusal=error, status=error.status)
    if run is not None:
        return redirect(run)
    messages.info(request, f"{version.number} is made. Install it, then it runs here.")
    return redirect("workshop:version-installation", request.workspace.slug, draft.pk, version.pk)


def _save(request, draft: Draft, form: PackForm, text: str):
    revision = RevisionForm(request.POST)
    if not (text and revision.is_valid()):
        problem = "Not saved. Correct what is marked below; what you typed is kept."
        return _page(request, draft, form, did=Moved("", problem=problem), status=422)
    try:
        draft, checked = save_draft(draft, text=text, actor=request.user, **revision.cleaned_data)
    except DomainError as error:
        if isinstance(error, WrittenMeanwhile):
            error.next_step = "What you typed is below and not saved. Open the draft in another tab to see what is new."
        return _page(request, draft, form, refusal=error, status=error.status)
    messages.success(request, "Saved." if not checked.errors else "Saved, with what is open listed beside it.")
    return redirect("workshop:pack-editor", request.workspace.slug, draft.pk)


def _typed(request, base: Values) -> tuple[Values, Calls]:
    """What the fields say. They are read twice: what a value is written as goes by the type that is expected there,
    which is known once it is known what each step calls."""
    first = read_pack(base, request.POST, lambda at, name: KINDS)
    requires = json_of(_post(request, "requires"))
    for values in (first, base):  # steps that were added and not saved yet may require more
        if isinstance(requires, dict):
            values["requires"] = requires
    calls = Calls(request.workspace, first.get("requires"))
    values = read_pack(base, request.POST, PackForm(first, calls.called).kinds_of)
    return values, calls


def _page(
    request,
    draft: Draft,
    form: PackForm | None,
    *,
    checked: Checked | None = None,
    refusal: DomainError | None = None,
    did: Moved | None = None,
    status: int = 200,
):
    context: dict[str, Any] = {
        "draft": draft,
        "form": form,
        "revision": request.POST.get("revision") or draft.revision,
        "refusal": refusal,
        "did": did,
        "is_unsaved": request.method == "POST",
    }
    if form is not None:
        if checked is None and not form.unplaced:
            text, reading = text_of(form.values)
            checked = without_lines(checked_of(draft, text)) if text else Checked(None, reading.findings)
        context |= {
            "checked": checked,
            "samples": samples_of(form.flow),
            "offers": Calls(request.workspace, form.values.get("requires")).offers,
            "requires": json.dumps(form.values.get("requires") or {}),
            "removed": json.dumps(did.removed) if did and did.removed else "",
            "add_use": request.POST.get("add-use", "") if did and did.problem else "",
        }
    template = "workshop/_pack.html" if wants_partial(request) and form is not None else "workshop/pack_editor.html"
    return render(request, template, context, status=status)


def _is_pack(values: Values | None) -> bool:
    return values is not None and ("pack" in values or values.get("kind") == "pack")


def _post(request, name: str) -> str:
    return request.POST.get(name, "")


def _has_odd_text(request) -> bool:
    """What no manifest could keep, and no keyboard types: PostgreSQL has no NUL."""
    return any("\0" in text for _, texts in request.POST.lists() for text in texts)


def without_lines(checked: Checked) -> Checked:
    return replace(checked, findings=[_bare(one) for one in checked.findings])


def _bare(finding: Finding) -> Finding:
    return finding if finding.file else replace(finding, line=0)
