"""What a version's end says to whoever would install it or move to it."""

from registry.errors import NotInstallable
from registry.models import Version


def refuse_retired(version: Version) -> None:
    """Raises NotInstallable with the reason for a version that was deprecated or yanked."""
    if version.status == Version.Status.PUBLISHED:
        return
    if version.is_yanked:
        said = f" “{version.yank_reason}”" if version.yank_reason else ""
        raise NotInstallable(f"{version} can not be installed: its publisher took it back.{said}")
    until = f" and ends on {version.ends_on:%d %B %Y}" if version.ends_on else ""
    said = f" “{version.retire_reason}”" if version.retire_reason else ""
    instead = f" Take {version.successor.number} instead." if version.successor else ""
    raise NotInstallable(f"{version} can not be installed: it is deprecated{until}.{said}{instead}")
