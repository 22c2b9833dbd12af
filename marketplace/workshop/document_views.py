"""Pages of the import: a document, its operations to choose from, and what they would be drafted as."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.permissions import require
from marketplace.workshop import documents
from marketplace.workshop.drafts import MAY_WRITE
from marketplace.workshop.errors import NotADocument, NotConfirmed
from marketplace.workshop.forms import NAME, DocumentForm, ImportForm, OperationFilterForm, ids_of
from marketplace.workshop.models import ApiDocument
from marketplace.workshop.reading import documents_of, operations_of, tags_of
from registry.manifests import read
from registry.openapi import MOST_CHOSEN

PAGE_SIZE = 50


@require_http_methods(["GET", "HEAD", "POST"])
def document_create(request, workspace):
    require(request.user, MAY_WRITE, request.workspace)
    form = DocumentForm(request.POST, request.FILES) if request.method == "POST" else DocumentForm()
    if form.is_bound and form.is_valid():
        try:
            document = documents.hand_in(request.workspace, content=form.bytes, actor=request.user)
        except NotADocument as error:
            form.add_error("file" if form.cleaned_data.get("file") else "text", str(error))
        else:
            return redirect(document)
    context = {"form": form, "documents": documents_of(request.workspace)}
    status = 422 if form.is_bound else 200
    return render(request, "workshop/document_create.html", context, status=status)


@require_safe
def document_detail(request, workspace, pk):
    document = _document(request, pk)
    form = OperationFilterForm(request.GET, tags=tags_of(document))
    operations = form.apply(operations_of(document))
    page = Paginator(operations, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "document": document,
        "form": form,
        "selects": form.selects,
        "page": page,
        "total": operations_of(document).count(),
        "chosen": operations_of(document).chosen().count(),
        "most": MOST_CHOSEN,
    }
    template = "workshop/_operations.html" if wants_partial(request) else "workshop/document_detail.html"
    return render(request, template, context)


@require_POST
def document_choice(request, workspace, pk):
    """Keep which of the operations shown are ticked; ``go`` says where to go on: a page, a filter or the draft."""
    document = _document(request, pk)
    shown, go = ids_of(request.POST.getlist("shown")), request.POST.get("go", "")
    ticked = {"all": shown, "none": []}.get(go, ids_of(request.POST.getlist("chosen")))
    count = documents.choose(document, shown=shown, chosen=ticked, actor=request.user)
    if wants_partial(request):
        return render(request, "workshop/_chosen.html", {"document": document, "chosen": count, "most": MOST_CHOSEN})
    if go == "draft":
        return redirect("workshop:document-draft", request.workspace.slug, document.pk)
    query = QueryDict(mutable=True)
    query.update({name: request.POST[name] for name in OperationFilterForm.base_fields if request.POST.get(name)})
    page = go if go.isascii() and go.isdigit() else "1" if go == "filter" else request.POST.get("page", "1")
    query["page"] = page[:6]
    return redirect(f"{document.get_absolute_url()}?{query.urlencode()}")


@require_http_methods(["GET", "HEAD", "POST"])
def document_draft(request, workspace, pk):
    """What the chosen operations become and what is lost; the form says which of the dangerous ones may."""
    document = _document(request, pk)
    form = ImportForm(request.POST if request.method == "POST" else None, initial={"name": _name_for(document)})
    confirmed = ids_of(request.POST.getlist("confirmed"))
    status, refusal = 200, None
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                draft = documents.draft_from(
                    document, connector=form.cleaned_data["name"], confirmed=confirmed, actor=request.user
                )
            except NotConfirmed as error:
                refusal = error
            except Invalid as error:
                add_refusals(form, error)
            else:
                messages.success(request, "Drafted. Read it, and correct what the document could not say.")
                return redirect(draft)
    return render(request, "workshop/document_draft.html", _proposal(document, form, confirmed, refusal), status=status)


@require_POST
def document_removal(request, workspace, pk):
    document = _document(request, pk)
    documents.remove_document(document, actor=request.user)
    messages.success(request, f"{document} is removed. Drafts made from it stay.")
    return redirect("workshop:document-create", request.workspace.slug)


def _document(request, pk) -> ApiDocument:
    require(request.user, MAY_WRITE, request.workspace)
    rows = ApiDocument.objects.in_workspace(request.workspace).select_related("workspace", "uploaded_by")
    return get_object_or_404(rows.defer("content"), pk=pk)  # megabytes, and a tick needs none of them


def _proposal(document: ApiDocument, form: ImportForm, confirmed, refusal) -> dict:
    chosen = documents.chosen_of(document)
    name = form.cleaned_data.get("name", "") if form.is_bound else ""
    proposal, too_much = None, None
    if chosen:
        try:
            proposal = documents.preview(document, connector=name or _name_for(document))
        except Invalid as error:
            too_much = error
    manifest = read(proposal.text).manifest if proposal else None
    return {
        "document": document,
        "form": form,
        "chosen": chosen,
        "dangerous": [one for one in chosen if one.needs_confirmation],
        "confirmed": set(confirmed),
        "refusal": refusal,
        "too_much": too_much,
        "actions": list(manifest.actions.values()) if manifest else [],
        "auth": manifest.canonical.get("auth", {}).get("type", "") if manifest else "",
        "base_url": manifest.canonical.get("base_url", "") if manifest else "",
        "losses": proposal.losses if proposal else (),
        "choose_url": reverse("workshop:document-detail", args=[document.workspace.slug, document.pk]),
    }


def _name_for(document: ApiDocument) -> str:
    name = slugify(document.title)[:60].strip("-_")
    return name if NAME.fullmatch(name) else "my-connector"
