"""Rules in force, as an admin makes them."""

from galaxy.core.models import User, Workspace
from policies.models import Rule
from policies.services.rules import create_rule
from tests.policies.rule_samples import values


def put_in_force(workspace: Workspace, actor: User, effect: str, **parts) -> Rule:
    """A rule of ``effect`` with who, what, when, ask and obligations as JSON; ``workspace`` knows its number then."""
    workspace.refresh_from_db()
    said = values(effect, f"Rule after policy {workspace.policy_version}", **parts)
    made = create_rule(
        workspace, actor=actor, values=said, reason="For a test", seen=workspace.policy_version, confirmed=True
    )
    workspace.refresh_from_db()
    return made
