"""Asking the sealed child process for what came of the cases, and the sandbox for steps in Python."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from registry.manifests import Manifest
from sandbox.golden.playing import Case, Given, Played
from sandbox.golden.versions import Parts
from sandbox.upgrades.answering import NOT_REPLAYED
from sandbox.upgrades.python import Code
from sandbox.upgrades.replaying import NotReplayed, ask_child

MOST_ROUNDS = 100  # one more for each step in Python that comes after another

Watch = Callable[[int], None]


def play_cases(
    workspace: UUID, pack: Manifest, parts: Parts, cases: list[Case], watch: Watch | None = None
) -> tuple[list[str], list[Played]]:
    """The walls that were up, and what came of each case. Raises NotReplayed, also where the sandbox is away."""
    if not cases:
        return [], []
    manifests = {slug: part.manifest for slug, part in parts.items()}
    given: dict[str, Given] = {}
    by_id = {case["id"]: case for case in cases}
    for _ in range(MOST_ROUNDS):
        asked: dict[str, Any] = {
            "pack": pack.canonical,
            "parts": {slug: one.canonical for slug, one in manifests.items()},
            "cases": cases,
            "given": given,
        }
        walls, found = ask_child("sandbox.golden.child", asked, len(cases), watch)
        wanting = [one for one in found if one["needs"]]
        if not wanting:
            return walls, found
        for one in wanting:
            needed = one["needs"]
            code = Code(workspace, manifests[needed["slug"]], parts[needed["slug"]].version.digest)
            answer = code.answer(needed["inputs"], by_id[one["id"]])
            if answer["code"] == NOT_REPLAYED:
                raise NotReplayed(answer["fails"])
            given.setdefault(one["id"], {})[needed["key"]] = answer
    raise NotReplayed("The flow has more steps in Python than are played.")
