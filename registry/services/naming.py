"""Names within a workspace: what is installed there answers to names that nothing else installed there answers to.

Public extensions never share one. A private extension may bear a name that is published by somebody else later: both
can exist, and only one of them is installed at a time.
"""

from django.db import connection

from galaxy.core.models import Workspace
from registry.errors import NameInUse
from registry.manifests import Manifest
from registry.models import Extension, Installation, Kind


def refuse_shared_names(workspace: Workspace, manifest: Manifest, extension: Extension) -> None:
    """Raises NameInUse where something else installed answers to a name of ``manifest``. Holds until the commit."""
    with connection.cursor() as cursor:  # whether a name is free depends on all names together
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('registry.names'), hashtext(%s))", [str(workspace.pk)])
    if sentence := name_in_use(workspace, manifest, extension):
        raise NameInUse(sentence)


def name_in_use(workspace: Workspace, manifest: Manifest, extension: Extension) -> str:
    """Which name of ``manifest`` something else installed answers to, in a sentence; empty where there is none."""
    owner, _, action = manifest.id.rpartition(".")
    names = [manifest.id, *(f"{manifest.id}.{one}" for one in manifest.actions if manifest.kind == Kind.CONNECTOR)]
    others = Installation.objects.in_workspace(workspace).active().exclude(extension=extension)
    taken = others.filter(extension__slug__in=names).values_list("extension__slug", flat=True).first()
    if taken:
        return f"{taken} is installed here already, and two cannot answer to one name."
    connectors = others.filter(extension__slug=owner, extension__kind=Kind.CONNECTOR)
    if owner and connectors.filter(pin__version__manifest__actions__contains=[{"id": action}]).exists():
        return f"{manifest.id} is an action of the connector {owner}, which is installed here."
    return ""
