"""An upgrade without a way back is asked for with a reason."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0020_marketplace_desk'),
        ('policies', '0009_decision_subjects'),
        ('registry', '0012_pins_that_say_why'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='change',
            name='override',
            field=models.BooleanField(default=False),
        ),
        migrations.AddConstraint(
            model_name='change',
            constraint=models.CheckConstraint(condition=models.Q(('override', False), models.Q(('reason', ''), _negated=True), _connector='OR'), name='change_override_has_reason'),
        ),
    ]
