"""Deciding requests about one installation can be given by itself."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0009_no_time_of_writing"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="installation",
            options={
                "ordering": ["extension__name"],
                "permissions": [
                    ("run_installation", "Run it where it reads"),
                    ("write_installation", "Run it where it writes"),
                    ("pin_installation", "Move and pin its version"),
                    ("decide_approval", "Decide requests about it"),
                ],
            },
        ),
    ]
