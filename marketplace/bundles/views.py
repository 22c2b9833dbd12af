"""Pages of bundles: hand one in, see what is in it, import it; export one; and whom the desk trusts."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import DomainError, Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import can, require, why_not
from galaxy.core.recent_proof import require_recent_proof
from marketplace.bundles import importing, sources, speaking
from marketplace.bundles.exporting import export_version, exportable_version
from marketplace.bundles.forms import BundleForm, RevocationForm, SourceForm, SpeakingForm
from marketplace.bundles.layout import MEDIA_TYPE
from marketplace.bundles.models import BundleSource, BundleUpload, ImportedVersion
from marketplace.desk import MAY_REVIEW

PAGE_SIZE = 40


@require_http_methods(["GET", "HEAD", "POST"])
def bundle_list(request, workspace):
    """What waits to be imported and what was; a POST hands a file in."""
    require(request.user, importing.may_import(request.workspace), request.workspace)
    form = BundleForm(request.POST, request.FILES) if request.method == "POST" else BundleForm()
    if form.is_bound and form.is_valid():
        try:
            row, is_new = importing.hand_in(request.workspace, content=form.bytes, name=form.name, actor=request.user)
        except DomainError as error:
            form.add_error("file", f"{error} {error.next_step}".strip())
        else:
            if not is_new and row.imported_at is None:
                messages.info(request, "These very bytes were handed in before, and wait here.")
            return redirect(row)
    rows = BundleUpload.objects.in_workspace(request.workspace).defer("content", "keys")
    rows = rows.select_related("workspace", "uploaded_by", "imported_by", "source")
    page = Paginator(rows.imported().order_by("-imported_at", "-id"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "waiting": list(rows.waiting()),
        "page": page,
        "sources": list(BundleSource.objects.trusted()),
        "may_trust": request.workspace.is_marketplace and can(request.user, MAY_REVIEW, request.workspace),
    }
    return render(request, "bundles/bundle_list.html", context, status=422 if form.is_bound else 200)


@require_safe
def upload_detail(request, workspace, pk):
    """What is in it and how each version stands here; once it is imported, what came of it."""
    return _page(request, _upload(request, pk))


@require_POST
def upload_import(request, workspace, pk):
    row = _upload(request, pk)
    try:
        row = importing.import_bundle(row, actor=request.user)
    except importing.ImportedAlready as error:
        messages.info(request, str(error))
    except DomainError as error:
        return _page(request, row, refusal=error)
    else:
        count = row.versions.count()
        messages.success(
            request, f"{count} version{'' if count == 1 else 's'} of {row} {'is' if count == 1 else 'are'} imported."
        )
    return redirect(row)


@require_POST
def upload_removal(request, workspace, pk):
    row = _upload(request, pk)
    importing.drop_upload(row, actor=request.user)
    messages.success(request, f"{row} is put away. Nothing of it was imported.")
    return redirect("bundles:bundle-list", request.workspace.slug)


@require_POST
def bundle_export(request, workspace, slug):
    """The file itself. Who took it is in the trail."""
    version = exportable_version(request.workspace, slug, request.POST.get("number", ""), actor=request.user)
    if version is None:
        raise Http404
    name, content = export_version(request.workspace, version, actor=request.user)
    return HttpResponse(
        content, content_type=MEDIA_TYPE, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@require_http_methods(["GET", "HEAD", "POST"])
def source_list(request, workspace):
    """Whom this Galaxy trusts, for those who import; a POST at the desk adds one."""
    require(request.user, importing.may_import(request.workspace), request.workspace)
    form = SourceForm(request.POST if request.method == "POST" else None)
    if form.is_bound:
        sources.require_desk(request.user)
    if form.is_bound and form.is_valid():
        require_recent_proof(request, f"Trust the marketplace {form.cleaned_data['name']}")
        try:
            made = sources.trust_source(actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        except DomainError as error:
            form.add_error("public", f"{error} {error.next_step}")
        else:
            messages.success(request, f"{made} is trusted: what it signed may be imported.")
            return redirect("bundles:source-list", request.workspace.slug)
    rows = BundleSource.objects.select_related("entered_by", "revoked_by")
    context = {
        "form": form,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "is_desk": request.workspace.is_marketplace,
        "denied": why_not(request.user, MAY_REVIEW, request.workspace),
    }
    return render(request, "bundles/source_list.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def source_revocation(request, workspace, pk):
    """What it means, then the act, with a reason."""
    if not request.workspace.is_marketplace:
        raise Http404
    sources.require_desk(request.user)
    row = get_object_or_404(BundleSource, pk=pk)
    form = RevocationForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        require_recent_proof(request, f"Stop trusting {row}")
        stopped = sources.revoke_source(row, actor=request.user, **form.cleaned_data)
        counted = "1 version that came from it is" if stopped == 1 else f"{stopped} versions that came from it are"
        messages.success(request, f"{row} is not trusted any more. {counted} taken out.")
        return redirect("bundles:source-list", request.workspace.slug)
    context = {"source": row, "form": form, "count": len(sources.ids_from(row))}
    return render(request, "bundles/source_revocation.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def source_speaking(request, workspace, pk):
    """Whether it speaks for the shipped catalogue: what that means, then ``act``, begin or end, with a reason."""
    if not request.workspace.is_marketplace:
        raise Http404
    sources.require_desk(request.user)
    row = get_object_or_404(BundleSource.objects.trusted().select_related("speaks_by"), pk=pk)
    form = SpeakingForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        ends = request.POST.get("act") == "end"
        act, said = (speaking.hush, "no more") if ends else (speaking.let_speak, "now")
        require_recent_proof(request, f"Say whether {row} speaks for the shipped catalogue")
        act(row, reason=form.cleaned_data["reason"], actor=request.user)
        messages.success(request, f"{row} speaks for the shipped catalogue {said}.")
        return redirect("bundles:source-list", request.workspace.slug)
    context = {"source": row, "form": form}
    return render(request, "bundles/source_speaking.html", context, status=422 if form.is_bound else 200)


def _upload(request, pk) -> BundleUpload:
    require(request.user, importing.may_import(request.workspace), request.workspace)
    rows = BundleUpload.objects.in_workspace(request.workspace)
    return get_object_or_404(rows.select_related("workspace", "uploaded_by", "imported_by", "source"), pk=pk)


def _page(request, row: BundleUpload, refusal: DomainError | None = None):
    if row.imported_at is not None:
        made = ImportedVersion.objects.in_workspace(request.workspace).filter(upload=row)
        context = {
            "upload": row,
            "versions": made.select_related("version__extension").order_by("version__extension__slug"),
        }
        return render(request, "bundles/upload_imported.html", context)
    look = importing.look_into(row)
    context = {
        "upload": row,
        "look": look,
        "refusal": refusal,
        "catalogue": "the marketplace" if look.is_public else "this workspace’s own catalogue",
    }
    return render(request, "bundles/upload_detail.html", context, status=refusal.status if refusal else 200)
