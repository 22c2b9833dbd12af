"""The six connectors as the catalogue ships them."""

from pathlib import Path

from registry.manifests import ActionSpec, Manifest, read

CATALOG = Path(__file__).parents[2] / "catalog" / "connectors"


def _read(path: Path) -> Manifest:
    manifest = read(path.read_bytes(), filename=path.name).manifest
    if manifest is None:
        raise ValueError(f"{path} cannot be read.")
    return manifest


MANIFESTS: dict[str, Manifest] = {
    manifest.id: manifest for manifest in map(_read, sorted(CATALOG.glob("*/manifest.yaml")))
}
ACTIONS: dict[str, ActionSpec] = {
    f"{manifest.id}.{action.id}": action for manifest in MANIFESTS.values() for action in manifest.actions.values()
}
