from galaxy.core.management.demo_command import DemoCommand
from galaxy.core.models import Membership, Role, User, Workspace
from policies.models import ApproverGroup, Rule
from policies.services.groups import create_group
from policies.services.rules import create_rule

GROUP = ("Sales-Ops", "Knows who may be written to, and how often.")
ANSWERING = (Role.OWNER, Role.ADMIN, Role.APPROVER)
WEEKEND = {"days": [6, 7], "from": "00:00", "to": "24:00", "zone": "Europe/Berlin"}
ASK = "require_approval"


def rules(group: ApproverGroup) -> list[tuple[dict, str]]:
    """(what a rule says, why), in the vocabulary of policies.rules.vocabulary. They are about live calls, so that a
    first run in simulation goes through."""
    return [
        (
            {
                "title": "Mail to many takes two",
                "effect": ASK,
                "what": {"actions": ["gmail.send"]},
                "when": {"over": 20, "mode": "live"},
                "ask": {"reviewers": f"group:{group.pk}", "needed": 2, "expires_h": 24, "second_factor": True},
            },
            "A wrong list cannot be called back",
        ),
        (
            {
                "title": "Agents delete nothing at weekends",
                "effect": "deny",
                "who": {"agents": ["any"]},
                "what": {"effects": ["delete"]},
                "when": {"hours": WEEKEND, "mode": "live"},
            },
            "Nobody is there to notice",
        ),
        (
            {
                "title": "Personal data to a new place is asked about",
                "effect": ASK,
                "when": {"classes": ["email", "phone"], "new_destination": True, "mode": "live"},
                "ask": {"reviewers": "approvers", "expires_h": 8},
                "obligations": {"redact": {"email": "hash"}},
            },
            "The first time is the one to look at",
        ),
    ]


class Command(DemoCommand):
    help = "Give the demo workspace a few rules and a group that answers; safe to run twice. Not in production."

    ready = "Demo rules ready, {made} of them new."

    def fill(self, workspace: Workspace, people: dict[str, User]) -> int:
        """Only where nobody ever made a rule: somebody may have ended these on purpose."""
        admin = people["admin"]
        if Rule.objects.in_workspace(workspace).exists():
            return 0
        name, purpose = GROUP
        group = ApproverGroup.objects.in_workspace(workspace).filter(name=name, ended_at=None).first()
        if group is None:
            members = Membership.objects.in_workspace(workspace).filter(role__in=ANSWERING).select_related("user")
            people = [one.user for one in members]
            group = create_group(workspace, name=name, purpose=purpose, members=people, actor=admin)
        said = rules(group)
        for values, reason in said:
            seen = workspace.policy_version
            create_rule(workspace, actor=admin, values=values, reason=reason, seen=seen, confirmed=True)
        return len(said)
