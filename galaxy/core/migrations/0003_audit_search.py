"""Finding events by how the name of their object begins, however many there are."""

from django.db import migrations

INDEX = """
CREATE INDEX core_auditdetail_by_target
    ON core_auditdetail (workspace_id, target_label varchar_pattern_ops, event_id DESC)
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_walls")]

    operations = [migrations.RunSQL(INDEX, "DROP INDEX core_auditdetail_by_target")]
