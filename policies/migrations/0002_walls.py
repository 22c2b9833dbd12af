"""Walls; decisions and votes are written once; the requester named on a vote is the approval's."""

from django.db import migrations

from galaxy.core.db.operations import AppendOnly, SameWorkspace, WorkspaceWall


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_initial"), ("core", "0002_walls")]

    operations = [
        WorkspaceWall("Decision"),
        WorkspaceWall("Approval"),
        WorkspaceWall("Vote"),
        SameWorkspace("Approval", "decision", to="policies.Decision"),
        AppendOnly("Decision"),
        AppendOnly("Vote"),
        migrations.RunSQL(
            "ALTER TABLE policies_vote ADD CONSTRAINT policies_vote_requester_is_the_approvals "
            "FOREIGN KEY (workspace_id, approval_id, requested_by_id) "
            "REFERENCES policies_approval (workspace_id, id, requested_by_id) DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE policies_vote DROP CONSTRAINT policies_vote_requester_is_the_approvals",
        ),
    ]
