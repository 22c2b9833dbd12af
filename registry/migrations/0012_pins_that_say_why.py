"""A pin keeps what its move rested on: the request that was approved, and what a replay said of it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0011_updates'),
    ]

    operations = [
        migrations.AddField(
            model_name='pin',
            name='approval',
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='pin',
            name='report',
            field=models.UUIDField(blank=True, null=True),
        ),
    ]
