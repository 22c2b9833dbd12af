"""What packs need of their runs: items of loops, samples of steps, partial simulation, going on, and taking back."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0021_on_flagged'),
        ('policies', '0011_courses'),
        ('registry', '0023_shipped'),
        ('sandbox', '0016_triggers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='run',
            name='run_step_once',
        ),
        migrations.AddField(
            model_name='outcome',
            name='undone_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='is_stepped',
            field=models.BooleanField(db_default=False, default=False, help_text='A pack that pauses after each step.'),
        ),
        migrations.AddField(
            model_name='run',
            name='item',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text='Which item of a loop it is for, from 1.'),
        ),
        migrations.AddField(
            model_name='run',
            name='resumes',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='resumed_by', to='sandbox.run'),
        ),
        migrations.AddField(
            model_name='run',
            name='scenarios',
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name='run',
            name='undoes',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='sandbox.run'),
        ),
        migrations.AlterField(
            model_name='callrecord',
            name='mode',
            field=models.CharField(choices=[('simulated', 'Simulated'), ('live', 'Live'), ('partial', 'Partly simulated')], max_length=10),
        ),
        migrations.AlterField(
            model_name='run',
            name='mode',
            field=models.CharField(choices=[('simulated', 'Simulated'), ('live', 'Live'), ('partial', 'Partly simulated')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('parent__isnull', False), ('undoes', None)), fields=('workspace', 'parent', 'step_id', 'item'), name='run_step_once'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('parent__isnull', False), ('undoes__isnull', False)), fields=('workspace', 'undoes', 'parent'), name='run_undone_once_by_a_pack'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('parent', None), ('undoes__isnull', False), models.Q(('state__in', ['failed', 'cancelled']), _negated=True)), fields=('workspace', 'undoes'), name='run_undone_once'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('resumes__isnull', False), models.Q(('state', 'cancelled'), _negated=True)), fields=('workspace', 'resumes'), name='run_resumed_once'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('mode', 'partial'), _negated=True), models.Q(('kind', 'pack'), ('parent', None)), _connector='OR'), name='run_partial_is_a_pack'),
        ),
    ]
