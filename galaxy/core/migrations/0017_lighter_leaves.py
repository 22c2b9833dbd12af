"""Leaves and inner hashes are written by the thousand, beside a checkpoint that has the same workspace and its key."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0016_exports_and_retention")]

    operations = [
        migrations.AlterField(
            name,
            "workspace",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="core.workspace",
            ),
        )
        for name in ("auditleaf", "auditnode")
    ]
