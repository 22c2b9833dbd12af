"""What came with Galaxy itself is known as such."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0022_agreed_roll_outs'),
    ]

    operations = [
        migrations.AddField(
            model_name='extension',
            name='is_shipped',
            field=models.BooleanField(default=False),
        ),
    ]
