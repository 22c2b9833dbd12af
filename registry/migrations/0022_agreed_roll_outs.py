"""A roll-out keeps the request by which somebody agreed to its course."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0021_demands_of_before'),
    ]

    operations = [
        migrations.AddField(
            model_name='rollout',
            name='approval',
            field=models.UUIDField(blank=True, null=True),
        ),
    ]
