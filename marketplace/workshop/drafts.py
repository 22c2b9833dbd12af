"""Drafts: begun, saved, published as a version of the workspace's own, and put away."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from marketplace.checks import Checked, Context, check
from marketplace.workshop.errors import TooManyDrafts, WrittenMeanwhile
from marketplace.workshop.models import Draft, DraftFile
from registry.errors import NotPublishable
from registry.manifests.sources import MAX_BYTES
from registry.models import Version
from registry.services import publish_draft
from registry.services.publishing import MAX_FILE_BYTES, MAX_FILES_BYTES, fits

MAY_WRITE = "core.write_extension"
MOST_DRAFTS = 200
MOST_FILES = 40
UNNAMED = "Untitled draft"


@transaction.atomic
def begin_draft(workspace: Workspace, *, text: str, actor: User, losses: list[dict[str, str]] | None = None) -> Draft:
    """Raises NotGranted, TooManyDrafts or Invalid."""
    require(actor, MAY_WRITE, workspace)
    _require_short(text)
    if Draft.objects.in_workspace(workspace).kept().count() >= MOST_DRAFTS:
        raise TooManyDrafts(f"{workspace} keeps {MOST_DRAFTS} drafts already.")
    draft = Draft(workspace=workspace, created_by=actor, updated_by=actor, losses=losses or [])
    _take(draft, text, check(text, context=Context(workspace=workspace)))
    draft.save(force_insert=True)
    audit.record("draft.created", actor=actor, target=draft, after={"name": draft.name, "slug": draft.slug})
    return draft


@transaction.atomic
def save_draft(draft: Draft, *, text: str, revision: int, actor: User) -> tuple[Draft, Checked]:
    """Keep ``text``; a text with errors is kept as well. Raises NotGranted, WrittenMeanwhile or Invalid."""
    require(actor, MAY_WRITE, draft.workspace)
    _require_short(text)
    row = _locked(draft)
    checked = checked_of(row, text)
    _require_read(row, revision)
    if row.text != text:
        before = {"revision": row.revision, "state": row.state}
        _take(row, text, checked)
        _count(row, actor)
        after = {"revision": row.revision, "state": row.state}
        audit.record("draft.saved", actor=actor, target=row, before=before, after=after)
    return row, checked


@transaction.atomic
def begin_with_files(workspace: Workspace, *, text: str, files: Mapping[str, bytes], actor: User) -> Draft:
    """A draft of what somebody has in files of their own. Raises NotGranted, TooManyDrafts or Invalid."""
    row = _locked(begin_draft(workspace, text=text, actor=actor))
    for path, content in files.items():
        _put(row, path, content, actor)
    _take(row, row.text, checked_of(row))
    row.save()
    return row


@transaction.atomic
def save_whole(draft: Draft, *, text: str, files: Mapping[str, bytes], revision: int, actor: User) -> Draft:
    """Put ``text`` and ``files`` in the place of all that the draft has, as one revision.

    Raises as ``save_draft`` and ``put_file``.
    """
    row, _ = save_draft(draft, text=text, revision=revision, actor=actor)
    there = files_of(row)
    gone = sorted(there.keys() - files.keys())
    come = {path: content for path, content in files.items() if there.get(path) != content}
    for path in gone:
        _remove(row, path, actor)
    for path, content in come.items():
        _put(row, path, content, actor)
    if gone or come:
        _take(row, row.text, checked_of(row))
        if row.revision == revision:
            _count(row, actor)
        else:
            row.save()
    return row


@transaction.atomic
def publish(draft: Draft, *, actor: User) -> Version:
    """What is saved becomes a version of the workspace's own. Raises NotGranted, NotPublishable or NameTaken."""
    require(actor, MAY_WRITE, draft.workspace)
    row = _locked(draft)
    checked = checked_of(row)
    if checked.manifest is None or checked.errors:
        first = checked.errors[0]
        where = f"Line {first.line}: " if first.line else ""
        raise NotPublishable(f"It cannot be a version yet. {where}{first.message} {first.fix}")
    version = publish_draft(checked.manifest, workspace=row.workspace, files=checked.files, actor=actor)
    if row.extension_id != version.extension_id:
        row.extension = version.extension
        row.save(update_fields=["extension"])
    return version


@transaction.atomic
def remove_draft(draft: Draft, *, actor: User) -> None:
    """Off the list; what was published of it stays. Raises NotGranted."""
    require(actor, MAY_WRITE, draft.workspace)
    row = _locked(draft)
    if row.removed_at is None:
        row.removed_at = timezone.now()
        row.save(update_fields=["removed_at"])
        audit.record("draft.removed", actor=actor, target=row, before={"name": row.name, "slug": row.slug})


@transaction.atomic
def put_file(draft: Draft, *, path: str, content: bytes, revision: int, actor: User) -> DraftFile:
    """Put a file beside the text, in the place of one of that path: a revision like what is typed.

    Raises NotGranted, WrittenMeanwhile or Invalid.
    """
    require(actor, MAY_WRITE, draft.workspace)
    row = _locked(draft)
    _require_read(row, revision)
    file = _put(row, path, content, actor)
    _take(row, row.text, checked_of(row))
    _count(row, actor)
    return file


@transaction.atomic
def take_file(file: DraftFile, *, revision: int, actor: User) -> None:
    """Raises NotGranted or WrittenMeanwhile."""
    require(actor, MAY_WRITE, file.workspace)
    row = _locked(file.draft)
    _require_read(row, revision)
    _remove(row, file.path, actor)
    _take(row, row.text, checked_of(row))
    _count(row, actor)


def checked_of(draft: Draft, text: str | None = None) -> Checked:
    """The findings of what is saved, or of ``text`` in its place, with the files beside it."""
    return check(draft.text if text is None else text, files_of(draft), Context(workspace=draft.workspace))


def files_of(draft: Draft, *, without: str = "") -> dict[str, bytes]:
    rows = DraftFile.objects.filter(workspace=draft.workspace_id, draft=draft).exclude(path=without)
    return {path: bytes(content) for path, content in rows.values_list("path", "content")}


def _locked(draft: Draft) -> Draft:
    rows = Draft.objects.filter(workspace=draft.workspace_id).select_related("workspace", "updated_by", "extension")
    return rows.select_for_update(of=("self",)).get(pk=draft.pk)


def _require_read(row: Draft, revision: int) -> None:
    """Who changes it saw it as it is: its text and its files."""
    if row.revision != revision:
        raise WrittenMeanwhile(f"{row.updated_by} saved {row} after you opened it.")


def _count(row: Draft, actor: User) -> None:
    row.revision += 1
    row.updated_by, row.updated_at = actor, timezone.now()
    row.save()


def _put(row: Draft, path: str, content: bytes, actor: User) -> DraftFile:
    if not fits(path):
        raise Invalid(
            "The file’s name is not plain.", {"path": "Letters, digits, dots, dashes and slashes, such as run.py."}
        )
    if len(content) > MAX_FILE_BYTES:
        raise Invalid("The file is too large.", {"content": f"A file has at most {MAX_FILE_BYTES // 1024} KB."})
    others = files_of(row, without=path)
    if len(others) >= MOST_FILES or sum(map(len, others.values())) + len(content) > MAX_FILES_BYTES:
        limits = f"{MOST_FILES} files and {MAX_FILES_BYTES // 1024} KB"
        raise Invalid("There is no room for it.", {"content": f"A draft has at most {limits} beside its text."})
    file, _ = DraftFile.objects.update_or_create(
        workspace=row.workspace,
        draft=row,
        path=path,
        defaults={"content": content, "size_bytes": len(content), "added_at": timezone.now()},
    )
    audit.record("draft.file_put", actor=actor, target=row, after={"path": path, "size_bytes": len(content)})
    return file


def _remove(row: Draft, path: str, actor: User) -> None:
    DraftFile.objects.filter(workspace=row.workspace, draft=row, path=path).delete()
    audit.record("draft.file_taken", actor=actor, target=row, before={"path": path})


def _take(draft: Draft, text: str, checked: Checked) -> None:
    draft.text = text
    manifest = checked.manifest
    if manifest is None:
        draft.state = Draft.State.BROKEN
        draft.name = draft.name or UNNAMED
        return
    draft.state = Draft.State.READY if checked.is_publishable else Draft.State.LACKING
    draft.name, draft.slug = manifest.name[:80] or UNNAMED, manifest.id[:100]


def _require_short(text: str) -> None:
    """The reader's own limit, so that nothing is kept which it would not read; PostgreSQL keeps no NUL."""
    if len(text.encode()) > MAX_BYTES or "\x00" in text:
        sentence = f"A manifest has at most {MAX_BYTES // 1024} KB of text, and no NUL."
        raise Invalid("The text cannot be kept.", {"text": sentence})
