"""The sample in which some of many records are refused."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sandbox', '0021_keeps_failing'),
    ]

    operations = [
        migrations.AlterField(
            model_name='run',
            name='scenario',
            field=models.CharField(blank=True, choices=[('happy', 'Happy path'), ('empty', 'Empty answer'), ('401', '401, not authorised'), ('429', '429, then OK'), ('5xx', '503, then OK'), ('slow', 'Slow answer'), ('partial', 'Some of many refused')], max_length=8),
        ),
    ]
