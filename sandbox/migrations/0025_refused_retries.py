"""A run is gone on with once, not counting tries that were called off or that policy refused before they began."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):

    dependencies = [
        ('sandbox', '0024_dry_runs'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='run',
            name='run_resumed_once',
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(
                fields=['workspace', 'resumes'],
                condition=Q(resumes__isnull=False) & ~Q(state='cancelled') & ~Q(state='failed', started_at=None),
                name='run_resumed_once',
            ),
        ),
    ]
