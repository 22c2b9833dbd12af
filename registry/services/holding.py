"""Who may install, move and remove an extension: what one workspace has for itself may be tried out by its makers.

As long as nothing of a private extension is connected it is only simulated, and whoever writes extensions for the
workspace may hold it there. Once somebody connected it, it is an installation like any other.
"""

from galaxy.core.models import User, Workspace
from galaxy.core.permissions import Denied, NotGranted, can, why_not
from registry.models import Connection, Extension, Installation, Kind

# A pack calls what is installed already, connected or not, and a trigger starts runs: neither is only a try.
_TRIED_OUT = (Kind.CONNECTOR, Kind.ACTION, Kind.TRANSFORM)


def why_not_hold(user: User, workspace: Workspace, extension: Extension) -> Denied | None:
    """Why ``user`` may not install or remove ``extension`` in ``workspace``; None where they may."""
    denied = why_not(user, "core.install_extension", workspace)
    if denied and is_tried_out(extension, workspace) and can(user, "core.write_extension", workspace):
        return None
    return denied


def why_not_move(user: User, installation: Installation, *, widens: bool) -> Denied | None:
    """Why ``user`` may not move it to another version; ``widens``: that one asks for more than was agreed to."""
    denied = why_not_hold(user, installation.workspace, installation.extension)
    return denied if widens or not denied else why_not(user, "registry.pin_installation", installation)


def require_hold(user: User, workspace: Workspace, extension: Extension) -> None:
    """Raises NotGranted."""
    if denied := why_not_hold(user, workspace, extension):
        raise NotGranted(denied)


def is_tried_out(extension: Extension, workspace: Workspace) -> bool:
    """Whether the workspace has it for itself, and it cannot reach anything."""
    if extension.workspace_id != workspace.pk or extension.kind not in _TRIED_OUT:
        return False
    connections = Connection.objects.filter(workspace=workspace, installation__extension=extension)
    return not connections.exclude(status=Connection.Status.UNAUTHENTICATED).exists()


def may_rehearse(user: User, installation: Installation) -> bool:
    """Whether ``user`` may simulate what changes something: makers do, with what their workspace has for itself."""
    is_own = installation.extension.workspace_id == installation.workspace_id
    return is_own and can(user, "core.write_extension", installation.workspace)
