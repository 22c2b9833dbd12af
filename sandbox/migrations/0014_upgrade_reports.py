"""What replays of recorded calls said of versions, written once, and how inputs are carried over to them."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import AppendOnly, SameWorkspace, WorkspaceWall


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0020_marketplace_desk'),
        ('registry', '0012_pins_that_say_why'),
        ('sandbox', '0013_rings'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='UpgradeReport',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('from_digest', models.CharField(max_length=64)),
                ('digest', models.CharField(max_length=64)),
                ('content', models.JSONField()),
                ('calls', models.PositiveIntegerField()),
                ('same', models.PositiveIntegerField()),
                ('differs', models.PositiveIntegerField(default=0)),
                ('fails', models.PositiveIntegerField(default=0)),
                ('asks', models.PositiveIntegerField(default=0)),
                ('new_host', models.PositiveIntegerField(default=0)),
                ('slower', models.PositiveIntegerField(default=0)),
                ('unknown', models.PositiveIntegerField(default=0)),
                ('is_way_back', models.BooleanField()),
                ('one_way', models.JSONField(default=list)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation')),
                ('made_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-made_at'],
            },
        ),
        migrations.CreateModel(
            name='InputMigration',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('action', models.CharField(blank=True, max_length=160)),
                ('renames', models.JSONField(default=dict)),
                ('fills', models.JSONField(default=dict)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation')),
                ('made_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
                ('report', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='migrations', to='sandbox.upgradereport')),
            ],
            options={
                'ordering': ['action'],
            },
        ),
        migrations.AddIndex(
            model_name='upgradereport',
            index=models.Index(fields=['workspace', 'installation', '-made_at'], name='upgradereport_newest'),
        ),
        migrations.AddConstraint(
            model_name='upgradereport',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('is_way_back', True), ('one_way', [])), models.Q(('is_way_back', False), models.Q(('one_way', []), _negated=True)), _connector='OR'), name='upgradereport_one_way_says_why'),
        ),
        migrations.AddConstraint(
            model_name='upgradereport',
            constraint=models.CheckConstraint(condition=models.Q(('same__lte', models.F('calls'))), name='upgradereport_same_of_calls'),
        ),
        migrations.AddConstraint(
            model_name='inputmigration',
            constraint=models.UniqueConstraint(fields=('workspace', 'installation', 'version', 'action'), name='inputmigration_once'),
        ),
        migrations.AddConstraint(
            model_name='inputmigration',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('renames', {}), _negated=True), models.Q(('fills', {}), _negated=True), _connector='OR'), name='inputmigration_says_something'),
        ),
        WorkspaceWall("UpgradeReport"),
        WorkspaceWall("InputMigration"),
        SameWorkspace("UpgradeReport", "installation", "registry.Installation"),
        SameWorkspace("InputMigration", "installation", "registry.Installation"),
        SameWorkspace("InputMigration", "report", "sandbox.UpgradeReport"),
        AppendOnly("UpgradeReport"),
    ]
