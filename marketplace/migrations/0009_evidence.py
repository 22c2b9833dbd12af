"""Runs of contract tests, the evidence behind levels, and levels that were lowered."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import SameWorkspace, WorkspaceWall


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0020_marketplace_desk'),
        ('marketplace', '0008_fewer_beginnings'),
        ('registry', '0012_pins_that_say_why'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Evidence',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=64)),
                ('rule', models.CharField(max_length=40)),
                ('passed', models.BooleanField()),
                ('note', models.CharField(blank=True, max_length=300)),
                ('report', models.JSONField(default=dict)),
                ('ran_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('version', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-ran_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('workspace', None)), fields=['digest', 'rule', '-ran_at'], name='evidence_newest'), models.Index(fields=['workspace', 'digest', '-ran_at'], name='evidence_of_workspace')],
            },
        ),
        migrations.CreateModel(
            name='Lowering',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('before', models.CharField(max_length=12)),
                ('after', models.CharField(max_length=12)),
                ('rule', models.CharField(max_length=40)),
                ('reason', models.CharField(max_length=300)),
                ('lowered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('appeal', models.CharField(blank=True, choices=[('', 'Not asked'), ('open', 'Asked'), ('upheld', 'Given back'), ('refused', 'Refused')], default='', max_length=8)),
                ('plea', models.CharField(blank=True, max_length=1000)),
                ('asked_at', models.DateTimeField(blank=True, null=True)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('answer_note', models.CharField(blank=True, max_length=1000)),
                ('answered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('asked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('listing', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lowerings', to='marketplace.listing')),
            ],
            options={
                'ordering': ['-lowered_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('appeal', ''), ('asked_at', None), ('asked_by', None), ('plea', '')), models.Q(models.Q(('appeal', ''), _negated=True), models.Q(('plea', ''), _negated=True), ('asked_at__isnull', False), ('asked_by__isnull', False)), _connector='OR'), name='lowering_plea_iff_asked'), models.CheckConstraint(condition=models.Q(models.Q(('answered_at', None), ('answered_by', None), ('appeal__in', ['', 'open'])), models.Q(('answered_at__isnull', False), ('answered_by__isnull', False), ('appeal__in', ['upheld', 'refused']), models.Q(('answer_note', ''), _negated=True)), _connector='OR'), name='lowering_answered_iff_decided'), models.CheckConstraint(condition=models.Q(('answered_by', None), models.Q(('answered_by', models.F('asked_by')), _negated=True), _connector='OR'), name='lowering_answered_by_another'), models.UniqueConstraint(condition=models.Q(('appeal', 'open')), fields=('listing',), name='lowering_one_open_appeal_a_listing')],
            },
        ),
        migrations.CreateModel(
            name='TestRun',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done')], default='queued', max_length=7)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('report', models.JSONField(default=dict)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('asked_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('draft', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='marketplace.draft')),
                ('installation', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.installation')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-asked_at'],
                'indexes': [models.Index(fields=['workspace', 'draft', '-asked_at'], name='testrun_of_draft'), models.Index(fields=['workspace', 'installation', '-asked_at'], name='testrun_of_installation')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('draft', None), ('installation__isnull', False)), models.Q(('draft__isnull', False), ('installation', None)), _connector='OR'), name='testrun_of_one_thing'), models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', False), ('state', 'done')), models.Q(models.Q(('state', 'done'), _negated=True), ('finished_at', None)), _connector='OR'), name='testrun_finished_iff_done')],
            },
        ),
        WorkspaceWall("TestRun"),
        SameWorkspace("TestRun", "draft", to="marketplace.Draft"),
        SameWorkspace("TestRun", "installation", to="registry.Installation"),
        WorkspaceWall("Evidence", shared=True),
    ]
