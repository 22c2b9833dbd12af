"""Addresses and correct bodies of the workshop's routes: a draft of Meridian with a file, two versions and a document.

The first version is installed; the second is not.
"""

from marketplace.models import Listing, Lowering
from marketplace.workshop.documents import choose, hand_in
from marketplace.workshop.drafts import begin_draft, publish, save_draft
from marketplace.workshop.starters import TEXTS
from registry.services import install
from tests.filling import untouched
from tests.registry.openapi.documents import as_bytes, large
from tests.submitting import put_beside

TEXT = TEXTS["rest"]


def workshop(workspace, creator) -> dict:
    draft = begin_draft(workspace, text=TEXT, actor=creator)
    file = put_beside(draft, path="docs.md", content=b"# Tasks", actor=creator)
    first = publish(draft, actor=creator)
    install(workspace, first.extension, version=first, actor=creator)
    draft, _ = save_draft(draft, text=f"{TEXT}# Next.\n", revision=draft.revision, actor=creator)
    put_beside(draft, path="docs.md", content=b"# Tasks and more", actor=creator)
    document = hand_in(workspace, content=as_bytes(large(10)), actor=creator)
    operation = document.operations.get(position=0)
    choose(document, shown=[operation.pk], chosen=[operation.pk], actor=creator)
    return {
        "lowering": Lowering.objects.create(
            listing=Listing.objects.get(extension__slug="probe.tidy"),
            before="verified",
            after="community",
            rule="contract-tests",
            reason="Contract tests was not proven for 37 days.",
        ),
        "draft": draft,
        "transform_draft": begin_draft(workspace, text=TEXTS["transform"], actor=creator),
        "pack_draft": begin_draft(workspace, text=TEXTS["pack"], actor=creator),
        "draft_file": file,
        "draft_version": publish(draft, actor=creator),
        "document": document,
        "operation": operation,
    }


def place(route: str, things: dict) -> dict:
    draft, version = {"pk": things["draft"].pk}, {"version": things["draft_version"].pk}
    document = {"pk": things["document"].pk}
    lowering = {"pk": things["lowering"].pk}
    return {
        "marketplace:lowering-appeal": lowering,
        "marketplace:appeal-answer": lowering,
        "marketplace:installation-tests": {"pk": things["installation"].pk},
        "workshop:draft-detail": draft,
        "workshop:draft-text": draft,
        "workshop:draft-check": draft,
        "workshop:draft-fields": draft,
        "workshop:draft-fields-check": draft,
        "workshop:pack-editor": {"pk": things["pack_draft"].pk},
        "workshop:pack-trial": {"pk": things["pack_draft"].pk},
        "workshop:transform-editor": {"pk": things["transform_draft"].pk},
        "workshop:draft-tests": draft,
        "workshop:draft-version": draft,
        "workshop:draft-removal": draft,
        "workshop:draft-migration": draft,
        "workshop:draft-file-create": draft,
        "workshop:draft-file-removal": draft | {"file": things["draft_file"].pk},
        "workshop:version-installation": draft | version,
        "workshop:version-withdrawal": draft | version,
        "api:draft-detail": draft,
        "api:draft-change": draft,
        "api:draft-tests": draft,
        "api:draft-removal": draft,
        "api:draft-submission": {"pk": things["submittable"].pk},
        "workshop:document-detail": document,
        "workshop:document-choice": document,
        "workshop:document-draft": document,
        "workshop:document-removal": document,
    }.get(route, {})


def body(route: str, things: dict) -> dict:
    typed = {"text": TEXT, "revision": things["draft"].revision}
    return {
        "marketplace:lowering-appeal": {"plea": "It was tested by hand meanwhile."},
        "workshop:draft-create": {"start": "rest"},
        "api:draft-list": {"manifest": TEXT, "files": {"notes.md": "# Notes"}},
        "api:draft-change": {"manifest": TEXT, "files": {"notes.md": "# Notes"}, "revision": things["draft"].revision},
        "api:draft-submission": {"catalogue": "private", "changes": "The first."},
        "workshop:draft-text": typed,
        "workshop:draft-check": typed,
        "workshop:draft-fields": {"revision": things["draft"].revision} | untouched(TEXT),
        "workshop:draft-fields-check": {"revision": things["draft"].revision} | untouched(TEXT),
        "workshop:transform-editor": {
            "revision": "1",
            "do": "save",
            "ops-total": "2",
            "o0-op": "normalize_date",
            "o0-was": "0",
            "o0-arg-field": "created",
            "o0-arg-timezone": "Europe/Berlin",
            "o0-arg-order": "",
            "o1-op": "map_fields",
            "o1-arg-whole": "full_name: name",
            "sample": "name: Ada\ncreated: 2026-01-31",
            "removed": "",
        },
        "workshop:pack-editor": {
            "revision": "1",
            "do": "save",
            "steps-total": "1",
            "s0-id": "clean",
            "s0-use": "leads.clean",
            "s0-in-name-how": "=fixed",
            "s0-in-name-text": "Ada",
            "s0-when-of": "=expression",
            "s0-when-value": "inputs.name",
            "s0-each-of": "",
            "s0-most": "",
            "inputs-total": "1",
            "i0-name": "name",
            "i0-type": "string",
            "i0-class": "name",
            "i0-sample": "Ada",
            "outcome-name": "done",
            "outcome-success-of": "=expression",
            "outcome-success-value": "steps.clean.full_name",
            "outcome-signal": "validated",
        },
        "workshop:draft-version": typed,
        "workshop:draft-file-create": typed | {"path": "more.md", "content": "More."},
        "workshop:draft-file-removal": {"revision": things["draft"].revision},
        "workshop:document-create": {"text": as_bytes(large(5)).decode()},
        "workshop:document-choice": {"shown": [str(things["operation"].pk)], "chosen": []},
        "workshop:document-draft": {"name": "pets"},
    }.get(route, {})
