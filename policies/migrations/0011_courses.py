"""An upgrade that comes in step by step is asked for with its course."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('policies', '0010_one_way_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='change',
            name='course',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='change',
            constraint=models.CheckConstraint(condition=models.Q(('course__isnull', True), models.Q(('keeps', False), ('kind', 'upgrade')), _connector='OR'), name='change_course_is_of_upgrade'),
        ),
    ]
