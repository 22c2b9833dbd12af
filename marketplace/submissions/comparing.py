"""What a submission changes of the version before: manifest and files line by line, and what it means in words."""

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Q

from galaxy.core.models import Workspace
from marketplace.submissions.models import Submission
from registry.compat import Bump, Difference
from registry.compat import compare as compare_manifests
from registry.compat.releases import files_of
from registry.manifests import Manifest, load
from registry.models import Extension, Version
from registry.semver import sort_key

MOST_LINES = 3000  # of one text; more would be compared for seconds
AROUND = 3
# What a reader does not see, or sees in another order than a machine reads it ("Trojan Source", CVE-2021-42574).
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@dataclass(frozen=True)
class Line:
    """``kind`` is same, add, del or skip (lines left out); ``old`` and ``new`` count from 1, None for no line."""

    kind: str
    text: str = ""
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True)
class FileChange:
    """``state`` is added, changed, removed or same; ``note`` says why there are no lines, if so."""

    path: str
    state: str
    sha256: str
    size: int
    lines: list[Line] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """``base`` is the version before, None for the first; ``bump`` the least step that the difference asks for."""

    base: Version | None
    manifest: list[Line]
    manifest_note: str
    files: list[FileChange]
    differences: list[Difference]
    bump: Bump | None

    @property
    def handed_in(self) -> list[FileChange]:
        return [one for one in self.files if one.state != "removed"]

    @property
    def changed_files(self) -> list[FileChange]:
        return [one for one in self.files if one.state != "same"]


def base_of(submission: Submission) -> Version | None:
    """The newest release of the same extension below its number, in the catalogue it is for."""
    names = Extension.objects.filter(slug=submission.slug, kind=submission.kind)
    names = names.public() if submission.is_public else names.filter(workspace=submission.workspace_id)
    below = Version.objects.filter(extension__in=names, sort_key__lt=sort_key(submission.number))
    return below.exclude(number__contains="-draft.").select_related("extension").order_by("-sort_key").first()


def newest_of(slug: str, workspace: Workspace) -> Version | None:
    """The newest release of that name, the marketplace's or the workspace's own."""
    rows = Version.objects.filter(extension__slug=slug).exclude(number__contains="-draft.")
    return rows.filter(Q(workspace=None) | Q(workspace=workspace)).order_by("-sort_key").first() if slug else None


def visible(text: str) -> str:
    """``text`` with each character that does not show itself written as its code."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def lines_of(text: str) -> list[str]:
    return visible(text).removesuffix("\n").split("\n") if text else []


def compare(submission: Submission, files: Mapping[str, tuple[bytes, str]]) -> Comparison:
    """``files`` are those of the submission: {path: (content, sha256)}."""
    base, manifest = base_of(submission), load(submission.manifest)
    before: Manifest | None = base.parsed if base else None
    old_files = {file.path: (bytes(file.content), file.sha256) for file in base.files.all()} if base else {}
    old_text = _shown(base.manifest) if base else ""
    lines, note = text_lines(old_text, _shown(submission.manifest)) if base else ([], "")
    plain = {path: content for path, (content, _) in files.items()}
    found = compare_manifests(before, manifest, files_of(base), plain) if base and before else None
    return Comparison(
        base,
        lines,
        note,
        [_file_change(path, old_files.get(path), files.get(path)) for path in sorted({*old_files, *files})],
        found.rows if found else [],
        found.bump if found else None,
    )


def changed_since(before: Submission, text: str, files: Mapping[str, tuple[bytes, str]]) -> list[FileChange]:
    """What differs from ``before``, an earlier submission of the same: the manifest as it was written, then the files;
    only those that do. ``files`` as in ``compare``."""
    old_files = {file.path: (bytes(file.content), file.sha256) for file in before.files.all()}
    pairs = {path: (old_files.get(path), files.get(path)) for path in sorted({*old_files, *files})}
    lines, note = text_lines(before.text, text)
    found = [_file_change(path, *pair) for path, pair in pairs.items()]
    whole = [FileChange("", "changed", "", len(text), lines, note)] if lines or note else []
    return whole + [one for one in found if one.state != "same"]


def text_lines(before: str, after: str) -> tuple[list[Line], str]:
    """(the lines that differ with AROUND more on either side, ""), or ([], why they are not compared)."""
    old, new = lines_of(before), lines_of(after)
    if len(old) > MOST_LINES or len(new) > MOST_LINES:
        return [], f"It has more than {MOST_LINES} lines, which is too long to compare here."
    found: list[Line] = []
    for at, group in enumerate(difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(AROUND)):
        if at:
            found.append(Line("skip"))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                found += (Line("same", old[i1 + k], i1 + k + 1, j1 + k + 1) for k in range(i2 - i1))
            else:
                found += (Line("del", old[k], old=k + 1) for k in range(i1, i2))
                found += (Line("add", new[k], new=k + 1) for k in range(j1, j2))
    return found, ""


def _shown(manifest: dict) -> str:
    """Both canonical manifests in one shape, so that only what differs differs."""
    return json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True)


def _file_change(path: str, old: tuple[bytes, str] | None, new: tuple[bytes, str] | None) -> FileChange:
    content, sha256 = new or old or (b"", "")
    if old and new and old[1] == new[1]:
        return FileChange(path, "same", sha256, len(content))
    state = "changed" if old and new else "added" if new else "removed"
    try:
        texts = [(side[0] if side else b"").decode() for side in (old, new)]
    except UnicodeDecodeError:
        return FileChange(path, state, sha256, len(content), note="It is no text, so nothing is shown of it.")
    lines, note = text_lines(*texts)
    return FileChange(path, state, sha256, len(content), lines, note)
