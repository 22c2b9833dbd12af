"""People of a workspace: the one door through which memberships, roles, invitations and grants change.

workspaces.py makes workspaces and their first members; people.py changes and ends memberships; roles.py keeps the
workspace's own roles; grants.py gives single permissions; asking.py lets people ask for one; invitations.py lets
people in.
"""

from galaxy.core.members.grants import grant_on, revoke_on
from galaxy.core.members.workspaces import add_member, create_workspace, marketplace_workspace, scope_of

__all__ = ["add_member", "create_workspace", "grant_on", "marketplace_workspace", "revoke_on", "scope_of"]
