"""Two releases of an extension compared as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from registry.manifests import Manifest

from .actions import compare_action
from .consent import compare_consent, newly_sent
from .flows import compare_pack, compare_transform, compare_trigger
from .reasons import Bump, Reason, bump_of, reason
from .rows import Difference, rows_of
from .schemas import BrokenField, breaks_by_name

_NO_PROMISE = ("version", "api")


@dataclass(frozen=True)
class Comparison:
    """``after`` held against ``before``, each answer worked out when it is asked for. Pure."""

    before: Manifest
    after: Manifest
    files_before: Mapping[str, bytes]
    files_after: Mapping[str, bytes]

    @cached_property
    def bump(self) -> Bump:
        """The least step that a release ``after`` has to take, with every reason.

        What was promised and is not kept is a major step; what comes besides is a minor one, and so is what an
        installation has to agree to (registry.services.moving asks before it moves there); the rest is a patch.
        """
        return bump_of(_reasons(self.before, self.after, self.files_before, self.files_after))

    @cached_property
    def asks(self) -> tuple[str, ...]:
        """What somebody has to agree to besides scopes and hosts, as words."""
        return tuple(one.words for one in compare_consent(self.before, self.after))

    @cached_property
    def sends(self) -> tuple[str, ...]:
        """Fields that an action may be sent and could not be, a sentence each."""
        return newly_sent(self.before, self.after)

    @cached_property
    def rows(self) -> list[Difference]:
        """Both beside each other, for people; [] where no row differs."""
        return rows_of(self.before, self.after)

    def broken_fields(self, id: str) -> list[BrokenField]:
        """What the bump counts as a break of the fields of one action that both have, "" for those of a whole."""
        old, new = (one.actions[id] if id else one for one in (self.before, self.after))
        found = breaks_by_name(old.inputs, new.inputs, is_input=True)
        return found + breaks_by_name(old.outputs, new.outputs, is_input=False)


def compare(
    before: Manifest,
    after: Manifest,
    files_before: Mapping[str, bytes] | None = None,
    files_after: Mapping[str, bytes] | None = None,
) -> Comparison:
    """The one comparison of two releases there is: consent, the reviewer's diff, least bump and previews read it."""
    return Comparison(before, after, files_before or {}, files_after or {})


def least_bump(
    before: Manifest,
    after: Manifest,
    files_before: Mapping[str, bytes] | None = None,
    files_after: Mapping[str, bytes] | None = None,
) -> Bump:
    return compare(before, after, files_before, files_after).bump


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
    yield from compare_consent(before, after)


def _rest(
    before: Manifest, after: Manifest, files_before: Mapping[str, bytes], files_after: Mapping[str, bytes]
) -> Iterator[Reason]:
    was, now = before.canonical, after.canonical
    changed = [key for key in sorted(was.keys() | now.keys()) if was.get(key) != now.get(key)]
    for key in changed:
        if key not in _NO_PROMISE:
            yield reason("manifest-changed", key, f"What stands under {key} differs.")
    for path in sorted(files_before.keys() | files_after.keys()):
        if files_before.get(path) != files_after.get(path):
            yield reason("files-changed", path, f"The file {path} differs.")
