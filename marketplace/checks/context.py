"""What a check knows besides the text and its files."""

from dataclasses import dataclass

from galaxy.core.models import Workspace


@dataclass(frozen=True)
class Context:
    """``publisher`` is the name under which it would be published, "" where that is not decided: then the manifest's
    own ``publisher`` counts. ``workspace`` is whose text it is: what only it has is looked at as well."""

    publisher: str = ""
    workspace: Workspace | None = None


NOBODY = Context()
