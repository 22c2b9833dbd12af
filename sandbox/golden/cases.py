"""What a pack is played on: the sample of its manifest, its examples, and calls that were recorded here, redacted."""

import hashlib
import json
from typing import Any

from galaxy.core.errors import DomainError
from registry.manifests import Manifest
from registry.manifests.misfits import misfits
from registry.models import Installation
from registry.services import verified_file
from sandbox.golden.playing import Case
from sandbox.models import CallRecord
from sandbox.services.binding import input_digest

EXAMPLES = "examples.json"
RUN = "run-"  # how the ids of recorded cases begin
NOW = "2026-01-15T09:00:00+00:00"  # the clock of every case, so that the same versions give the same bytes
MOST_EXAMPLES, MOST_RECORDED, LOOKED_AT = 10, 3, 50


def cases_of(installation: Installation, manifest: Manifest, digest: str) -> list[Case]:
    """Those that fit what the pack takes, the sample first. What hides values may break a format: such a recording is
    left out, for it says nothing about the versions."""
    found = [*_samples(manifest), *_examples(digest), *_recorded(installation)]
    seen: set[str] = set()
    cases = []
    for id, title, inputs in found:
        key = input_digest(inputs)
        if key not in seen and not misfits(inputs, manifest.inputs):
            seen.add(key)
            cases.append({"id": id, "title": title, "inputs": inputs, "seed": _seed(id), "now": NOW})
    return cases


def is_recorded(case: str) -> bool:
    return case.startswith(RUN)


def _samples(manifest: Manifest) -> list[tuple[str, str, dict[str, Any]]]:
    sample = manifest.canonical.get("sample", {}).get("inputs")
    return [("sample", "The sample of the manifest", sample)] if isinstance(sample, dict) else []


def _examples(digest: str) -> list[tuple[str, str, dict[str, Any]]]:
    try:
        found = json.loads(verified_file(digest, EXAMPLES))
    except (DomainError, ValueError):
        return []
    if not isinstance(found, list):
        return []
    return [
        (f"example-{number}", str(one.get("title", f"Example {number}"))[:80], one["inputs"])
        for number, one in enumerate(found[:MOST_EXAMPLES], 1)
        if isinstance(one, dict) and isinstance(one.get("inputs"), dict)
    ]


def _recorded(installation: Installation) -> list[tuple[str, str, dict[str, Any]]]:
    """The latest calls of the pack itself whose inputs differ, as they were kept: hidden where classes say so."""
    rows = CallRecord.objects.in_workspace(installation.workspace).filter(
        run__installation=installation,
        run__parent=None,
        run__is_check=False,
        run__rehearses=None,
        run__state="succeeded",
    )
    found: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for record in rows.select_related("run").order_by("-called_at", "pk")[:LOOKED_AT]:
        if isinstance(record.inputs, dict) and len(found) < MOST_RECORDED:
            title = f"Recorded, {record.run.get_mode_display().lower()}: {record.run.short_id}"
            found.setdefault(input_digest(record.inputs), (f"{RUN}{record.run_id.hex[:12]}", title, record.inputs))
    return list(found.values())


def _seed(id: str) -> int:
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:7], "big")
