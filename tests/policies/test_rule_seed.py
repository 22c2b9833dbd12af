"""The rules of the demo workspace."""

from io import StringIO

from django.core.management import call_command

from galaxy.core.members import scope_of
from galaxy.core.models import User, Workspace
from policies.models import ApproverGroup, Rule
from policies.services.rules import end_rule, rules_in_force


def test_the_demo_workspace_has_rules_that_are_made_once(db):
    def seed():
        out = StringIO()
        call_command("seed_rules", stdout=out)
        return out.getvalue()

    call_command("seed_demo", stdout=StringIO())
    assert "3 of them new" in seed()
    admin = User.objects.get(email="admin@demo.example")
    with scope_of(admin):
        meridian = Workspace.objects.get(slug="meridian")
        assert [rule.effect for rule in rules_in_force(meridian)] == ["require_approval", "deny", "require_approval"]
        group = ApproverGroup.objects.in_workspace(meridian).get()
        assert (group.name, group.members.count()) == ("Sales-Ops", 3)
        for row in Rule.objects.in_workspace(meridian):
            end_rule(row, actor=admin, reason="Not for us", seen=meridian.policy_version)
            meridian.refresh_from_db()
    assert "0 of them new" in seed()  # what was ended on purpose stays so
