"""What the demo's commands need to be installed before they go on."""

from galaxy.core.models import User, Workspace
from marketplace.models import Listing
from marketplace.services import install_listing, plan_installation
from registry.models import Installation


def see_to(workspace: Workspace, slug: str, *, actor: User) -> Installation:
    """``slug`` as it is installed in ``workspace``, installed from the marketplace now where it was not, with what it
    requires. Raises Listing.DoesNotExist where the marketplace has no such thing."""
    there = Installation.objects.in_workspace(workspace).active().filter(extension__slug=slug)
    if not there.exists():
        listing = Listing.objects.select_related("extension", "version__extension").get(extension__slug=slug)
        install_listing(workspace, listing, seen=plan_installation(workspace, listing).seen, actor=actor)
    return there.select_related("workspace", "extension", "pin__version", "installed_by").get()
