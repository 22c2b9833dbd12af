"""What a model was asked about, and why it was not believed."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0025_advice'),
    ]

    operations = [
        migrations.AddField(
            model_name='advice',
            name='asked_digest',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='advice',
            name='not_believed',
            field=models.CharField(blank=True, max_length=12),
        ),
    ]
