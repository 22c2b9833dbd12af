"""Finding events by the first letters of who acted or of what it was done to, however many there are."""

from django.db import migrations

INDEXES = """
CREATE INDEX core_auditdetail_by_actor
    ON core_auditdetail (workspace_id, upper(actor_label) text_pattern_ops);
CREATE INDEX core_auditdetail_by_target
    ON core_auditdetail (workspace_id, upper(target_label) text_pattern_ops);
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_walls")]

    operations = [
        migrations.RunSQL(INDEXES, "DROP INDEX core_auditdetail_by_actor; DROP INDEX core_auditdetail_by_target")
    ]
