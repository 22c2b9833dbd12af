"""An action that keeps failing, seen by the assistant."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sandbox', '0020_golden_flows'),
    ]

    operations = [
        migrations.AlterField(
            model_name='issue',
            name='kind',
            field=models.CharField(choices=[('breaker_open', 'Calls are held back'), ('retries_exhausted', 'Calls fail after every retry'), ('connection_exhausted', 'The connection has to be renewed'), ('health_failing', 'Health checks fail'), ('version_failing', 'This version fails more than others'), ('golden_failing', 'The golden flow is not as accepted'), ('trigger_paused', 'The trigger was switched off'), ('trigger_silent', 'Nothing comes in at the webhook'), ('keeps_failing', 'An action keeps failing')], max_length=24),
        ),
    ]
