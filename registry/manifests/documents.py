"""From a tree to a manifest's canonical form: the kind, its table of keys, the checks across keys, the defaults."""

from __future__ import annotations

from typing import Any

from .action_checks import check_actions
from .findings import Findings
from .flow_checks import check_pack, check_transform, check_trigger
from .keys import KINDS, MANIFESTS
from .migrations import old_format
from .nodes import Map, Mark, Node, Seq, Text
from .suggest import nearest

_KIND_FIX = "Begin with connector, action, transform, trigger or pack and a name, such as `connector: hubspot`."


def canonicalise(root: Node, findings: Findings) -> dict[str, Any] | None:
    """The canonical form, or None where not even the kind is clear. Usable only when there are no errors."""
    if not isinstance(root, Map):
        findings.add("wrong-shape", root, "", "A manifest is a map of keys.", _KIND_FIX)
        return None
    if old := old_format(root):
        findings.add("old-format", root.get("api"), "api", f"This is of the format {old}, which is not read any more.")
        return None
    root = _spell_out_kind(root, findings)
    kind = root.get("kind")
    if kind is None:
        names = root.names()
        close = next((near for name in names[:3] if (near := nearest(name, KINDS))), None)
        fix = f"Did you mean {close} as the first key?" if close else _KIND_FIX
        findings.add("missing-key", root, "kind", "Nothing says what kind of extension this is.", fix)
        return None
    if not isinstance(kind, Text) or kind.value not in MANIFESTS:
        findings.add("bad-value", kind, "kind", "This is no kind of extension.", _KIND_FIX)
        return None
    canonical = MANIFESTS[kind.value](root, findings, "")
    canonical.setdefault("api", "v1")
    locate = Locator(root)
    match kind.value:
        case "connector" | "action":
            check_actions(canonical, locate, findings)
        case "transform":
            check_transform(canonical, locate, findings)
        case "pack":
            check_pack(canonical, locate, findings)
        case "trigger":
            check_trigger(canonical, locate, findings)
    return canonical


class Locator:
    """Finds where a canonical place stands in the document, for findings of checks across keys."""

    def __init__(self, root: Map) -> None:
        self.root = root

    def __call__(self, *steps: str | int) -> Mark | Node:
        """The node at ``("actions", 0, "path")``, or the deepest one above it that was written."""
        node: Node = self.root
        for step in steps:
            if isinstance(step, int) and isinstance(node, Seq) and step < len(node.items):
                node = node.items[step]
            elif isinstance(step, str) and isinstance(node, Map) and (below := node.get(step)) is not None:
                node = below
            else:
                break
        return node


def _spell_out_kind(root: Map, findings: Findings) -> Map:
    """``connector: hubspot`` as ``kind: connector`` and ``id: hubspot``."""
    entries: list[tuple[Text, Node]] = []
    first: Text | None = None
    for key, value in root.entries:
        if key.value not in KINDS:
            entries.append((key, value))
            continue
        if first is not None or root.get("kind") is not None:
            findings.add(
                "duplicate-key",
                key,
                key.value,
                "The kind is named twice.",
                "Keep one kind; a manifest holds one extension.",
            )
            continue
        first = key
        entries += [
            (Text("kind", key.line, key.column), Text(key.value, key.line, key.column)),
            (Text("id", key.line, key.column), value),
        ]
    if first is not None and root.get("id") is not None:
        findings.add("duplicate-key", root.get("id"), "id", "The name stands twice.", f"Keep it behind {first.value}.")
        entries = [entry for entry in entries if entry[0].value != "id" or entry[0].line == first.line]
    return Map(tuple(entries), root.line, root.column)
