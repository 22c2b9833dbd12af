"""Rows of floor 0: people, workspaces, roles, history and the audit trail."""

from galaxy.core.models.agents import Agent, KeptAnswer, Token
from galaxy.core.models.audit import AuditDetail, AuditEvent
from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet
from galaxy.core.models.exports import ExportJob
from galaxy.core.models.history import HistoryRow
from galaxy.core.models.home import Home
from galaxy.core.models.news import Mute, NewsHook, NewsHookKey, NewsSettings
from galaxy.core.models.notifications import Notification
from galaxy.core.models.people import Invitation, PermissionRequest
from galaxy.core.models.retention import LegalHold, RetentionRule
from galaxy.core.models.saved_views import SavedView
from galaxy.core.models.streams import AuditSink, AuditSinkKey
from galaxy.core.models.support import BreakGlass
from galaxy.core.models.trail import AuditCheckpoint, AuditKey, AuditLeaf, AuditNode, AuditVerification
from galaxy.core.models.users import User
from galaxy.core.models.vault import Rewrap, Secret, SecretLease, SecretVersion, WorkspaceKey
from galaxy.core.models.workspaces import Membership, Role, RoleGroup, Workspace

# What a grant, a check or an event can be about.
InWorkspace = Workspace | WorkspaceModel | AuditEvent

__all__ = [
    "Agent",
    "AuditCheckpoint",
    "AuditDetail",
    "AuditEvent",
    "AuditKey",
    "AuditLeaf",
    "AuditNode",
    "AuditSink",
    "AuditSinkKey",
    "AuditVerification",
    "BreakGlass",
    "ExportJob",
    "HistoryRow",
    "Home",
    "InWorkspace",
    "Invitation",
    "KeptAnswer",
    "LegalHold",
    "Membership",
    "Mute",
    "NewsHook",
    "NewsHookKey",
    "NewsSettings",
    "Notification",
    "PermissionRequest",
    "RetentionRule",
    "Rewrap",
    "Role",
    "RoleGroup",
    "SavedView",
    "Secret",
    "SecretLease",
    "SecretVersion",
    "Token",
    "User",
    "Workspace",
    "WorkspaceKey",
    "WorkspaceModel",
    "WorkspaceQuerySet",
]
