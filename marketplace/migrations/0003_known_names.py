"""Names that are taken, as they look, so that others like them are found by index."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0002_workshop"),
    ]

    operations = [
        migrations.CreateModel(
            name="KnownName",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(choices=[("extension", "Extension"), ("publisher", "Publisher")], max_length=9),
                ),
                ("name", models.CharField(max_length=80)),
                ("skeleton", models.CharField(max_length=160)),
                (
                    "keys",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=160), size=None),
                ),
            ],
            options={
                "ordering": ["name"],
                "indexes": [
                    models.Index(fields=["kind", "skeleton"], name="knownname_skeleton"),
                    django.contrib.postgres.indexes.GinIndex(fields=["keys"], name="knownname_keys"),
                ],
                "constraints": [models.UniqueConstraint(fields=("kind", "name"), name="knownname_once")],
            },
        ),
    ]
