"""How often a doorbell was rung again, so that it is rung ever more rarely."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sandbox', '0012_calls_at_the_gate'),
    ]

    operations = [
        migrations.AddField(
            model_name='outboxmessage',
            name='rings',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]
