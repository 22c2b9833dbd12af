"""What a pack of a workspace can call: what is installed there, and what a step that is added needs of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from galaxy.core.models import Workspace
from registry.manifests import Manifest
from registry.models import Installation, Kind
from registry.semver import satisfies
from registry.services.mapping import required_manifests, slug_of

MOST_OFFERED = 600


@dataclass(frozen=True)
class Offer:
    """Something a step can call. ``needs`` are its needed inputs by name."""

    use: str
    name: str
    owner: str
    needs: tuple[str, ...]

    @property
    def label(self) -> str:
        needs = f" Needs {', '.join(self.needs)}." if self.needs else ""
        return f"{self.owner}: {self.name}.{needs}"


class Calls:
    """``called`` is {slug: manifest} of what ``requires`` names; ``offers`` is all that the workspace has installed."""

    def __init__(self, workspace: Workspace, requires: Any) -> None:
        rows = Installation.objects.in_workspace(workspace).active().select_related("extension", "pin__version")
        kinds = (Kind.CONNECTOR, Kind.ACTION, Kind.TRANSFORM)
        self.installed: dict[str, Manifest] = {
            row.extension.slug: row.pin.version.parsed
            for row in rows.filter(extension__kind__in=kinds).order_by("extension__slug")
        }
        wanted = {str(slug): str(numbers) for slug, numbers in requires.items()} if isinstance(requires, dict) else {}
        self.called = {
            slug: self.installed[slug] for slug, numbers in wanted.items() if self._fits(slug, numbers)
        } or {}
        missing = {slug: numbers for slug, numbers in wanted.items() if slug not in self.called and _is_range(numbers)}
        if missing:
            self.called |= required_manifests(missing, workspace)

    def _fits(self, slug: str, numbers: str) -> bool:
        manifest = self.installed.get(slug)
        return manifest is not None and _is_range(numbers) and satisfies(str(manifest.version), numbers)

    @property
    def offers(self) -> list[Offer]:
        return list(_offers([*self.installed.values(), *self._others()]))[:MOST_OFFERED]

    def _others(self) -> Iterable[Manifest]:
        return (manifest for slug, manifest in self.called.items() if slug not in self.installed)

    def offered(self, use: str) -> tuple[str, Manifest] | None:
        """The slug and the manifest of what ``use`` names, None where there is nothing of that name to call."""
        known = {**self.installed, **self.called}
        slug = slug_of(use, known)
        if slug is None or use not in {one.use for one in _offers([known[slug]])}:
            return None
        return slug, known[slug]


def range_for(manifest: Manifest) -> str:
    """What a pack that calls it requires: this version and whatever keeps its promises."""
    number = str(manifest.version)
    if "-" in number:  # a draft's number lies in no range
        return number
    major, minor, _ = number.split("+")[0].split(".")
    return f"^{major}.{minor}"


def _offers(manifests: Iterable[Manifest]) -> Iterable[Offer]:
    for manifest in manifests:
        if manifest.kind == Kind.TRANSFORM:
            yield Offer(manifest.id, manifest.name, "Transform", tuple(manifest.inputs.get("required", ())))
        for action in manifest.actions.values():
            use = f"{manifest.id}.{action.id}" if manifest.kind == Kind.CONNECTOR else manifest.id
            yield Offer(use, action.name, manifest.name, tuple(action.inputs.get("required", ())))


def _is_range(numbers: str) -> bool:
    try:
        satisfies("1.0.0", numbers)
    except ValueError:
        return False
    return True
