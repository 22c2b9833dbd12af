"""What an installed extension of kind trigger says of its events."""

from registry.manifests.schemas import data_classes
from registry.models import Installation


def classes_of(source: Installation | None, kind: str) -> dict[str, str]:
    """The data classes of the event that it declares, by path within the body; {} of none, or of another kind."""
    if source is None:
        return {}
    manifest = source.pin.version.parsed
    if manifest.canonical.get("source", {}).get("type") != kind:
        return {}
    return dict(data_classes(manifest.outputs, ""))
