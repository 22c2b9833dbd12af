"""The editor of a transform: its operations by form, tried on its sample while one edits."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from galaxy.core.errors import DomainError
from galaxy.core.http import wants_partial
from marketplace.checks import Checked
from marketplace.workshop.drafts import checked_of, save_draft
from marketplace.workshop.errors import WrittenMeanwhile
from marketplace.workshop.field_forms import RevisionForm
from marketplace.workshop.field_values import as_notation, put, taken, text_of, values_of
from marketplace.workshop.models import Draft
from marketplace.workshop.pack_form import Choice
from marketplace.workshop.pack_values import json_of
from marketplace.workshop.pack_views import without_lines
from marketplace.workshop.transform_chain import (
    MOST_OPERATIONS,
    TITLES,
    Argument,
    Changed,
    Values,
    arguments_of,
    changed,
    read_chain,
    shown,
    step_of,
)
from marketplace.workshop.transform_preview import Preview, preview_of
from marketplace.workshop.views import draft_of
from registry.manifests import Finding, Manifest

_PLACE = re.compile(r"steps\[(\d+)\](?:\.\w+)?(?:\.(\w+))?")


@dataclass
class ArgumentRow:
    id: str
    argument: Argument
    text: str
    choices: list[Choice]
    errors: list[str] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return min(max(self.text.count("\n") + 1, 2), 12)


@dataclass
class OperationRow:
    """One operation; ``was`` is its place in what is saved, "" for a new one."""

    at: int
    op: str
    title: str
    was: str
    rows: list[ArgumentRow]
    fields: list[str]
    is_first: bool
    is_last: bool
    errors: list[str] = field(default_factory=list)

    @property
    def ids(self) -> dict[str, str]:
        return {name: f"o{self.at}-{name}" for name in ("up", "down", "remove")}


@require_http_methods(["GET", "HEAD", "POST"])
def transform_editor(request, workspace, pk):
    """The operations of a transform; a POST saves or tries them, changes the chain, or takes the result for example."""
    draft = draft_of(request, pk)
    base = values_of(draft.text)
    if base is None or not _is_chain(base):
        return _page(request, draft, None, status=422 if request.method == "POST" else 200)
    if request.method != "POST":
        return _page(request, draft, base)
    if any("\0" in text for _, texts in request.POST.lists() for text in texts):
        problem = "A field held a character that no text may hold. This is what is saved."
        return _page(request, draft, base, did=Changed(problem=problem), status=422)
    values = read_chain(base, request.POST)
    act = "check" if "typing" in request.GET else request.POST.get("do", "save")
    if act == "check":
        return _page(request, draft, values, did=Changed("Tried on the sample."))
    if act == "accept":
        return _page(request, draft, values, did=_accept(draft, values))
    if act != "save":
        removed = json_of(request.POST.get("removed", ""))
        did = changed(values, act, op=request.POST.get("add-op", ""), removed=removed) or Changed()
        return _page(request, draft, values, did=did, base=base, status=422 if did.problem else 200)
    return _save(request, draft, values)


def _accept(draft: Draft, values: Values) -> Changed:
    """Let what comes out now be what its example promises."""
    _, reading = text_of(values)
    found = preview_of(reading.manifest, draft.workspace_id) if reading.manifest else Preview()
    if found.result is None:
        return Changed(problem="There is no result to take.")
    put(values, ["fixtures", "happy", "outputs"], found.result)
    return Changed("The result is the example now.")


def _save(request, draft: Draft, values: Values):
    text, _ = text_of(values)
    revision = RevisionForm(request.POST)
    if not (text and revision.is_valid()):
        problem = "Not saved. Correct what is marked below; what you typed is kept."
        return _page(request, draft, values, did=Changed(problem=problem), status=422)
    try:
        draft, checked = save_draft(draft, text=text, actor=request.user, **revision.cleaned_data)
    except DomainError as error:
        if isinstance(error, WrittenMeanwhile):
            error.next_step = "What you typed is below and not saved. Open the draft in another tab to see what is new."
        return _page(request, draft, values, refusal=error, status=error.status)
    messages.success(request, "Saved." if not checked.errors else "Saved, with what is open listed beside it.")
    return redirect("workshop:transform-editor", request.workspace.slug, draft.pk)


def _page(
    request,
    draft: Draft,
    values: Values | None,
    *,
    base: Values | None = None,
    refusal: DomainError | None = None,
    did: Changed | None = None,
    status: int = 200,
):
    context: dict[str, Any] = {
        "draft": draft,
        "values": values,
        "revision": request.POST.get("revision") or draft.revision,
        "refusal": refusal,
        "did": did,
        "is_unsaved": request.method == "POST",
    }
    if values is not None:
        text, reading = text_of(values)
        checked = without_lines(checked_of(draft, text)) if text else Checked(None, reading.findings)
        manifest = reading.manifest
        preview = preview_of(manifest, draft.workspace_id) if manifest else None
        rows = _rows(values, values_of(draft.text) or {}, reading.errors, manifest)
        context |= {
            "rows": rows,
            "unplaced": [one for one in reading.errors if not one.path.startswith("steps[")],
            "tried": list(zip(rows, preview.changes, strict=False)) if preview else [],
            "preview": preview,
            "stopped_at": rows[preview.at] if preview and 0 <= preview.at < len(rows) else None,
            "checked": checked,
            "operations": list(TITLES.items()),
            "has_room": len(rows) < MOST_OPERATIONS,
            "example": _example(request, values, did),
            "removed": json.dumps(did.removed) if did and did.removed else "",
            "inputs": as_notation(values.get("inputs")),
            "outputs": as_notation(values.get("outputs")),
            "sample": as_notation(taken(values, ["fixtures", "happy", "inputs"])),
        }
    if values is not None and wants_partial(request):
        is_typing = "typing" in request.GET
        template = "workshop/_transform_preview.html" if is_typing else "workshop/_transform.html"
        return render(request, template, context | {"oob": is_typing}, status=status)
    return render(request, "workshop/transform_editor.html", context, status=status)


def _example(request, values: Values, did: Changed | None) -> str:
    """A result that was taken for the example and is not saved yet."""
    is_taken = bool(did and request.POST.get("do") == "accept" and not did.problem) or request.POST.get("example")
    return json.dumps(taken(values, ["fixtures", "happy", "outputs"])) if is_taken else ""


def _rows(values: Values, saved: Values, findings: list[Finding], manifest: Manifest | None) -> list[OperationRow]:
    steps = values["steps"]
    old = list(saved.get("steps") or ())
    inputs = values.get("inputs")
    known = [str(name).removesuffix("?") for name in inputs] if isinstance(inputs, dict) else []
    if manifest is not None:
        known = list(manifest.inputs.get("properties", {}))
    rows = []
    for at, written in enumerate(steps):
        op, args = step_of(written)
        was = next((str(place) for place, one in enumerate(old) if one is written or one == written), "")
        arguments = [_argument(f"o{at}-arg-{one.name}", one, shown(one, args)) for one in arguments_of(op)]
        row = OperationRow(at, op, TITLES.get(op, op), was, arguments, list(known), at == 0, at == len(steps) - 1)
        _place(row, findings)
        rows.append(row)
        made = args if op == "map_fields" else [args["into"]] if isinstance(args, dict) and args.get("into") else []
        known += [str(name) for name in made if str(name) not in known] if isinstance(made, dict | list) else []
    return rows


def _argument(id: str, argument: Argument, text: str) -> ArgumentRow:
    choices = []
    if argument.choices:
        choices = [Choice("", "Left out", not text), *(Choice(one, one, one == text) for one in argument.choices)]
        if text and text not in argument.choices:
            choices.append(Choice(text, text, True))
    return ArgumentRow(id, argument, text, choices)


def _place(row: OperationRow, findings: list[Finding]) -> None:
    for one in findings:
        found = _PLACE.match(one.path)
        if not found or int(found[1]) != row.at:
            continue
        words = f"{one.message} {one.fix}".strip()
        owner = next((field for field in row.rows if field.argument.name == found[2]), None)
        (owner.errors if owner else row.errors).append(words)


def _is_chain(values: Values) -> bool:
    is_transform = "transform" in values or values.get("kind") == "transform"
    return is_transform and isinstance(values.get("steps"), list) and "code_file" not in values
