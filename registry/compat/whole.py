"""Two releases of an extension compared as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry.differences import declassified, further_reach, leaving, newly_handled, weaker_asks
from registry.manifests import Manifest

from .actions import compare_action
from .flows import compare_pack, compare_transform, compare_trigger
from .reasons import Bump, Reason, bump_of, reason

_NO_PROMISE = ("version", "api")


def least_bump(
    before: Manifest,
    after: Manifest,
    files_before: Mapping[str, bytes] | None = None,
    files_after: Mapping[str, bytes] | None = None,
) -> Bump:
    """The least step that a release ``after`` has to take from ``before``, with every reason. Pure.

    What was promised and is not kept is a major step; what comes besides is a minor one, and so is what an installation
    has to agree to (registry.services.moving asks before it moves there); the rest is a patch.
    """
    return bump_of(_reasons(before, after, files_before or {}, files_after or {}))


def _reasons(
    before: Manifest, after: Manifest, files_before: Mapping[str, bytes], files_after: Mapping[str, bytes]
) -> Iterator[Reason]:
    if before.kind != after.kind:
        yield reason("kind-changed", "kind", f"It is a {after.kind}, before a {before.kind}.")
        return
    yield from _actions(before, after)
    yield from _connection(before, after)
    yield from _consent(before, after)
    match before.kind:
        case "transform":
            yield from compare_transform(before, after)
        case "pack":
            yield from compare_pack(before, after)
        case "trigger":
            yield from compare_trigger(before, after)
    yield from _rest(before, after, files_before, files_after)


def _actions(before: Manifest, after: Manifest) -> Iterator[Reason]:
    for id, old in before.actions.items():
        if id in after.actions:
            yield from compare_action(old, after.actions[id])
        else:
            yield reason("action-removed", f"actions.{id}", f"{old.name} is gone.")
    for id, new in after.actions.items():
        if id not in before.actions:
            yield reason("action-added", f"actions.{id}", f"{new.name} is new.")


def _connection(before: Manifest, after: Manifest) -> Iterator[Reason]:
    was, now = before.canonical, after.canonical
    if was.get("auth") != now.get("auth"):
        said = "It signs in otherwise, so its connections close and have to be made anew."
        yield reason("auth-changed", "auth", said)
    if was.get("base_url") != now.get("base_url"):
        said = f"Its paths begin at {now.get('base_url')}, before at {was.get('base_url')}."
        yield reason("base-url-changed", "base_url", said)


def _consent(before: Manifest, after: Manifest) -> Iterator[Reason]:
    for name, code, said in (("scopes", "scope", "It asks for"), ("hosts", "host", "It reaches")):
        old, new = getattr(before, name), getattr(after, name)
        place = "permissions" if name == "scopes" else "egress"
        yield from (reason(f"{code}-added", place, f"{said} {one}.") for one in new if one not in old)
        yield from (reason(f"{code}-dropped", place, f"{said} {one} no more.") for one in old if one not in new)
    # The installation agreed to it long ago, so nobody is asked: whoever calls without it is refused from now on.
    for id, old in before.actions.items():
        if id in after.actions:
            wider = [one for one in after.actions[id].scopes if one not in old.scopes and one in before.scopes]
            for one in wider:
                yield reason("action-scope-added", f"actions.{id}.scopes", f"{old.name} asks for {one}.")
    for code, sentences in (
        ("asks-less", weaker_asks(before, after)),
        ("class-added", newly_handled(before, after)),
        ("class-dropped", declassified(before, after)),
        ("field-sent", leaving(before, after)),
    ):
        yield from (reason(code, "actions", f"{sentence}.") for sentence in sentences)
    for sentence in further_reach(before, after):
        is_call = sentence.startswith("It calls ")
        yield reason("call-added" if is_call else "reach-widened", "steps" if is_call else "egress", f"{sentence}.")


def _rest(
    before: Manifest, after: Manifest, files_before: Mapping[str, bytes], files_after: Mapping[str, bytes]
) -> Iterator[Reason]:
    was, now = before.canonical, after.canonical
    changed = [key for key in sorted(was.keys() | now.keys()) if was.get(key) != now.get(key)]
    for key in changed:
        if key not in _NO_PROMISE:
            yield reason("manifest-changed", key, f"{key} is another.")
    for path in sorted(files_before.keys() | files_after.keys()):
        if files_before.get(path) != files_after.get(path):
            yield reason("files-changed", path, f"The file {path} is another.")
