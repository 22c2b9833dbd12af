"""Pages of drafts: the list, the editor with its findings, versions, and what is tried out of them."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import DomainError, Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.permissions import require
from marketplace.checks import Checked
from marketplace.checks.coverage import coverage_of
from marketplace.checks.ready import ready_of
from marketplace.evidence.testing import ask_tests, newest_of
from marketplace.workshop.drafts import (
    MAY_WRITE,
    begin_draft,
    checked_of,
    publish,
    put_file,
    remove_draft,
    save_draft,
    take_file,
)
from marketplace.workshop.errors import WrittenMeanwhile
from marketplace.workshop.forms import FileForm, StartForm, TextForm
from marketplace.workshop.models import Draft, DraftFile
from marketplace.workshop.reading import (
    MOST_VERSIONS,
    drafts_of,
    installation_of,
    newest_submission_of,
    trials_of,
    versions_of,
)
from marketplace.workshop.starters import STARTERS
from registry.asks import asks_of
from registry.manifests import version_digest
from registry.models import Kind, Version
from registry.services import install, move_pin, withdraw_draft
from registry.services.holding import why_not_hold, why_not_move
from registry.services.moving import widening_of
from sandbox.retry import usual_replies

PAGE_SIZE = 40


@require_safe
def draft_list(request, workspace):
    require(request.user, MAY_WRITE, request.workspace)
    page = Paginator(drafts_of(request.workspace), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "workshop/draft_list.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
def draft_create(request, workspace):
    require(request.user, MAY_WRITE, request.workspace)
    form = StartForm(request.POST, request.FILES) if request.method == "POST" else StartForm()
    if form.is_bound and form.is_valid():
        try:
            draft = begin_draft(request.workspace, text=form.text, actor=request.user)
        except Invalid as error:
            form.add_error("file", error.fields["text"])
        else:
            if "fields" in request.POST:
                manifest = checked_of(draft).manifest
                page = "pack-editor" if manifest is not None and manifest.kind == Kind.PACK else "draft-fields"
                return redirect(f"workshop:{page}", request.workspace.slug, draft.pk)
            return redirect(draft)
    status = 422 if form.is_bound else 200
    return render(request, "workshop/draft_create.html", {"form": form, "starters": STARTERS}, status=status)


@require_safe
def draft_detail(request, workspace, pk):
    draft = draft_of(request, pk)
    return _editor(request, draft, TextForm(initial={"text": draft.text, "revision": draft.revision}), draft.text)


@require_POST
def draft_text(request, workspace, pk):
    """Save what was typed, with or without errors in it."""
    draft, form = draft_of(request, pk), TextForm(request.POST)
    if not form.is_valid():
        return _editor(request, draft, form, request.POST.get("text", ""), status=422)
    try:
        draft, checked = save_draft(draft, actor=request.user, **form.cleaned_data)
    except DomainError as error:
        return _refused(request, draft, form, error)
    messages.success(request, "Saved." if not checked.errors else "Saved, with what is open listed beside it.")
    return redirect(draft)


@require_POST
def draft_check(request, workspace, pk):
    """The findings of what is typed, saving nothing."""
    draft, form = draft_of(request, pk), TextForm(request.POST)
    if wants_partial(request):  # whatever was typed: what no text may hold is a finding like any other
        checked = checked_of(draft, request.POST.get("text", ""))
        return render(request, "workshop/_checked.html", {"editable": True} | _tested(draft, checked))
    if not form.is_valid():
        return _editor(request, draft, form, request.POST.get("text", ""), status=422)
    text = form.cleaned_data["text"]
    return _editor(request, draft, form, text, is_unsaved=text != draft.text)


@require_http_methods(["GET", "HEAD", "POST"])
def draft_tests(request, workspace, pk):
    """The contract tests of what is saved: how they stand, and to have them run."""
    draft = draft_of(request, pk)
    if request.method == "POST":
        ask_tests(draft, actor=request.user)
    if not wants_partial(request):
        if request.method == "POST":
            return redirect(f"{draft.get_absolute_url()}#tests")
        return draft_detail(request, workspace, pk)
    context = {"draft": draft} | _tested(draft, checked_of(draft))
    return render(request, "marketplace/checks/_tests.html", context)


@require_POST
def draft_version(request, workspace, pk):
    """Save, and publish what was saved as a version of the workspace's own."""
    draft, form = draft_of(request, pk), TextForm(request.POST)
    if not form.is_valid():
        return _editor(request, draft, form, request.POST.get("text", ""), status=422)
    try:
        draft, _ = save_draft(draft, actor=request.user, **form.cleaned_data)
        form = TextForm({"text": draft.text, "revision": draft.revision})
        form.is_valid()
        version = publish(draft, actor=request.user)
    except DomainError as error:
        return _refused(request, draft, form, error)
    messages.success(request, f"{version.number} is a version of this workspace’s own.")
    return redirect(f"{draft.get_absolute_url()}#versions")


@require_http_methods(["GET", "HEAD", "POST"])
def draft_removal(request, workspace, pk):
    draft = draft_of(request, pk)
    if request.method == "POST":
        remove_draft(draft, actor=request.user)
        messages.success(request, f"{draft} is off the list. What was published of it stays.")
        return redirect("workshop:draft-list", request.workspace.slug)
    context = {"draft": draft, "installation": installation_of(draft, request.user)}
    return render(request, "workshop/draft_removal.html", context)


@require_POST
def draft_file_create(request, workspace, pk):
    draft, form = draft_of(request, pk), FileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            said = {"path": form.cleaned_data["path"], "content": form.bytes, "revision": form.cleaned_data["revision"]}
            file = put_file(draft, actor=request.user, **said)
        except WrittenMeanwhile as error:
            return _files_refused(request, pk, error)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{file} stands beside the text.")
            return redirect(f"{draft.get_absolute_url()}#files")
    text = TextForm(initial={"text": draft.text, "revision": draft.revision})
    return _editor(request, draft, text, draft.text, file_form=form, status=422)


@require_POST
def draft_file_removal(request, workspace, pk, file):
    draft = draft_of(request, pk)
    row = get_object_or_404(DraftFile.objects.in_workspace(request.workspace).filter(draft=draft), pk=file)
    row.draft = draft
    revision = request.POST.get("revision", "")
    shown = int(revision) if revision.isdecimal() and len(revision) < 10 else -1
    try:
        take_file(row, revision=shown, actor=request.user)
    except WrittenMeanwhile as error:
        return _files_refused(request, pk, error)
    messages.success(request, f"{row} is gone.")
    return redirect(f"{draft.get_absolute_url()}#files")


@require_http_methods(["GET", "HEAD", "POST"])
def version_installation(request, workspace, pk, version):
    """Consent: what a version asks for, and what of it is new; the form names what was shown."""
    draft = draft_of(request, pk)
    row = _version(request, draft, version)
    installation = installation_of(draft, request.user)
    manifest = row.parsed
    wider = widening_of(installation, manifest) if installation else None
    if request.method == "POST":
        if installation is None:
            installation = install(request.workspace, row.extension, version=row, actor=request.user)
            messages.success(request, f"{installation} is installed. It is simulated until somebody connects it.")
        else:
            asked = set(wider.words) if wider else set()
            move_pin(installation, version=row, actor=request.user, agrees=asked <= set(request.POST.getlist("agreed")))
            messages.success(request, f"{installation} is at {row.number} now.")
        return redirect(f"{draft.get_absolute_url()}#try")
    denied = (
        why_not_move(request.user, installation, widens=bool(wider))
        if installation
        else why_not_hold(request.user, request.workspace, row.extension)
    )
    context = {
        "draft": draft,
        "version": row,
        "manifest": manifest,
        "asks": asks_of(manifest),
        "installation": installation,
        "wider": wider,
        "denied": denied,
    }
    return render(request, "workshop/version_installation.html", context)


@require_POST
def version_withdrawal(request, workspace, pk, version):
    draft = draft_of(request, pk)
    row = _version(request, draft, version)
    withdraw_draft(row, actor=request.user)
    messages.success(request, f"{row.number} is off the list. Runs that used it keep pointing at it.")
    return redirect(f"{draft.get_absolute_url()}#versions")


def draft_of(request, pk) -> Draft:
    """The draft of an address, for whoever may write it; else 403 or 404."""
    require(request.user, MAY_WRITE, request.workspace)
    rows = Draft.objects.in_workspace(request.workspace).kept()
    return get_object_or_404(rows.select_related("workspace", "extension", "updated_by"), pk=pk)


def _version(request, draft: Draft, pk) -> Version:
    rows = Version.objects.filter(workspace=request.workspace, extension=draft.extension_id)
    return get_object_or_404(rows.select_related("workspace", "extension"), pk=pk)


def _refused(request, draft: Draft, form: TextForm, error: DomainError):
    """The editor with what was typed still in it, and why it was not taken."""
    return _editor(request, draft, form, form.cleaned_data["text"], refusal=error, status=error.status)


def _files_refused(request, pk, error: WrittenMeanwhile):
    """The draft as it is now, and why no file came or went."""
    error.next_step = "No file was put or taken. This is the draft as it is now: look at it, then do it again."
    draft = draft_of(request, pk)
    form = TextForm(initial={"text": draft.text, "revision": draft.revision})
    return _editor(request, draft, form, draft.text, refusal=error, status=error.status)


def _editor(
    request,
    draft: Draft,
    form: TextForm,
    text: str,
    *,
    file_form: FileForm | None = None,
    refusal: DomainError | None = None,
    is_unsaved: bool = False,
    status: int = 200,
):
    tested = _tested(draft, checked_of(draft, text))
    installation = installation_of(draft, request.user)
    run_url = reverse("sandbox:run-create", args=[request.workspace.slug])
    context = {
        "draft": draft,
        "form": form,
        "refusal": refusal,
        "is_unsaved": is_unsaved or refusal is not None,
        "is_old_format": any(finding.code == "old-format" for finding in tested["checked"].findings),
        "files": DraftFile.objects.in_workspace(request.workspace).filter(draft=draft).defer("content"),
        "file_form": file_form or FileForm(initial={"revision": draft.revision}),
        "installation": installation,
        "versions": versions_of(draft, installation, request.user),
        "most_versions": MOST_VERSIONS,
        "trials": trials_of(installation) if installation else [],
        "run_url": run_url,
        "losses": draft.losses,
        "usual_replies": usual_replies(),
        "submission": newest_submission_of(draft),
    }
    return render(request, "workshop/draft_detail.html", context | tested, status=status)


def _tested(draft: Draft, checked: Checked) -> dict:
    """What the cards beside the text show: findings, what is left, coverage, and the last tests."""
    run = newest_of(draft=draft)
    digest = version_digest(checked.manifest, checked.files) if checked.manifest else ""
    is_current = run is not None and run.digest == digest
    report = run.report if run and is_current and not run.is_under_way else None
    running = bool(run and is_current and run.is_under_way)
    coverage = coverage_of(checked.manifest, report["results"] if report else (), running=running)
    return {
        "checked": checked,
        "coverage": coverage,
        "ready": ready_of(checked, coverage, report, running=running),
        "test_run": run,
        "is_current": is_current,
    }
