"""What an installed extension of kind trigger says of its events."""

from registry.manifests.schemas import data_classes
from registry.models import Installation


def source_kind(source: Installation) -> str:
    """webhook or schedule."""
    return source.pin.version.parsed.canonical.get("source", {}).get("type", "")


def classes_of(source: Installation | None, kind: str) -> dict[str, str]:
    """The data classes of the event that it declares, by path within the body; {} of none, or of another kind."""
    if source is None:
        return {}
    return dict(data_classes(source.pin.version.parsed.outputs, "")) if source_kind(source) == kind else {}
