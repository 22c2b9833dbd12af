"""OpenAPI documents: handed in, chosen from, and drafted. Nothing of them is ever fetched."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from uuid import UUID

from django.db import transaction

from galaxy.core import audit
from galaxy.core.errors import Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from marketplace.workshop.drafts import MAY_WRITE, begin_draft
from marketplace.workshop.errors import NotADocument, NotConfirmed, TooManyDrafts
from marketplace.workshop.models import ApiDocument, ApiOperation, Draft
from registry import openapi
from registry.manifests import read

MOST_DOCUMENTS = 20


@transaction.atomic
def hand_in(workspace: Workspace, *, content: bytes, actor: User) -> ApiDocument:
    """Read a document and keep it with its operations. Raises NotGranted, NotADocument or TooManyDrafts."""
    require(actor, MAY_WRITE, workspace)
    try:
        found = openapi.read_document(content)
    except openapi.Unreadable as problem:
        raise NotADocument(str(problem), {"": str(problem)}) from problem
    if ApiDocument.objects.in_workspace(workspace).count() >= MOST_DOCUMENTS:
        raise TooManyDrafts(f"{workspace} keeps {MOST_DOCUMENTS} documents already.")
    document = ApiDocument.objects.create(
        workspace=workspace,
        title=found.title or "Untitled API",
        specification=found.specification,
        content=content,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        problems=list(found.problems),
        losses=[asdict(loss) for loss in found.losses],
        uploaded_by=actor,
    )
    ApiOperation.objects.bulk_create(
        (
            ApiOperation(
                workspace=workspace,
                document=document,
                position=position,
                method=one.method,
                path=one.path,
                identifier=one.id,
                summary=one.summary,
                tags=list(one.tags),
                effect=one.effect,
                is_bulk=one.is_bulk,
                is_deprecated=one.is_deprecated,
            )
            for position, one in enumerate(found.operations)
        ),
        batch_size=1_000,
    )
    facts = {"title": document.title, "sha256": document.sha256, "operations": len(found.operations)}
    audit.record("api_document.handed_in", actor=actor, target=document, after=facts)
    return document


@transaction.atomic
def choose(document: ApiDocument, *, shown: Iterable[UUID], chosen: Iterable[UUID], actor: User) -> int:
    """Of the operations that were ``shown``, exactly those in ``chosen`` are chosen now; the others stay as they are.

    Returns how many are chosen in all. Raises NotGranted, or Invalid for more than one draft takes.
    """
    require(actor, MAY_WRITE, document.workspace)
    rows = ApiOperation.objects.filter(workspace=document.workspace, document=document)
    list(ApiDocument.objects.filter(pk=document.pk, workspace=document.workspace).select_for_update().values_list("pk"))
    shown, chosen = set(shown), set(chosen)
    rows.filter(pk__in=shown - chosen, is_chosen=True).update(is_chosen=False)
    rows.filter(pk__in=shown & chosen, is_chosen=False).update(is_chosen=True)
    count = rows.chosen().count()
    if count > openapi.MOST_CHOSEN:
        raise Invalid(
            f"{count} operations would be chosen; one draft takes {openapi.MOST_CHOSEN}.", None, "Choose fewer."
        )
    return count


def preview(document: ApiDocument, *, connector: str) -> openapi.Draft:
    """What the chosen operations would be drafted as. Raises Invalid for what one draft does not hold."""
    keys = [one.key for one in chosen_of(document)]
    try:
        return openapi.draft_manifest(openapi.read_document(bytes(document.content)), keys, connector=connector)
    except openapi.TooMuch as problem:
        raise Invalid(str(problem)) from problem


@transaction.atomic
def draft_from(document: ApiDocument, *, connector: str, confirmed: Iterable[UUID], actor: User) -> Draft:
    """Draft a connector of the chosen operations; ``confirmed`` are those that a person said may delete or change many.

    Raises NotGranted, NotConfirmed, TooManyDrafts or Invalid.
    """
    require(actor, MAY_WRITE, document.workspace)
    chosen = chosen_of(document)
    if not chosen:
        raise Invalid("Nothing is chosen.", None, "Choose at least one operation.")
    said = set(confirmed)
    if open_ones := [one for one in chosen if one.needs_confirmation and one.pk not in said]:
        listed = ", ".join(one.key for one in open_ones[:3])
        raise NotConfirmed(f"Not ticked yet, though they delete or change many at once: {listed}.")
    made = preview(document, connector=connector)
    if read(made.text).manifest is None:
        raise Invalid("The document gives no draft that can be read.", None, "Choose other operations.")
    draft = begin_draft(document.workspace, text=made.text, actor=actor, losses=[asdict(loss) for loss in made.losses])
    facts = {"sha256": document.sha256, "actions": list(made.actions), "losses": len(made.losses)}
    audit.record("draft.imported", actor=actor, target=draft, after=facts)
    return draft


@transaction.atomic
def remove_document(document: ApiDocument, *, actor: User) -> None:
    """Delete it with its operations; drafts made from it stay. Raises NotGranted."""
    require(actor, MAY_WRITE, document.workspace)
    audit.record("api_document.removed", actor=actor, target=document, before={"title": document.title})
    ApiOperation.objects.filter(workspace=document.workspace, document=document).delete()
    ApiDocument.objects.filter(workspace=document.workspace, pk=document.pk).delete()


def chosen_of(document: ApiDocument) -> list[ApiOperation]:
    return list(ApiOperation.objects.filter(workspace=document.workspace_id, document=document).chosen())
