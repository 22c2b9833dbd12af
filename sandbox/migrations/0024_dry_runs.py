"""Runs that read live and simulate what writes."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sandbox', '0023_traces'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='is_dry',
            field=models.BooleanField(db_default=False, default=False, help_text='Reads live, and simulates what writes.'),
        ),
    ]
