"""Where a narrowed stream found nothing to send, so that its next message says from where on it tells."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0017_lighter_leaves'),
    ]

    operations = [
        migrations.AddField(
            model_name='auditsink',
            name='quiet_from',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='auditsink',
            constraint=models.CheckConstraint(condition=models.Q(('quiet_from', None), ('quiet_from__lt', models.F('cursor')), _connector='OR'), name='auditsink_quiet_before_cursor'),
        ),
    ]
