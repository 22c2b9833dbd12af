"""Runs that an agent asked for."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import SameWorkspace


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0005_machines'),
        ('policies', '0003_due_approvals'),
        ('registry', '0002_walls'),
        ('sandbox', '0003_decided_waits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='agent',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.agent'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('agent__isnull', False)), fields=['workspace', 'agent', '-created_at'], name='run_by_agent'),
        ),
        SameWorkspace("Run", "agent", to="core.Agent"),
    ]
