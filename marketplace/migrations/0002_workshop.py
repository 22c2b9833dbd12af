"""Drafts that a workspace writes, and the documents that it imports them from."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import SameWorkspace, WorkspaceWall


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0011_more_permissions'),
        ('marketplace', '0001_initial'),
        ('registry', '0007_private_extensions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiDocument',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=80)),
                ('specification', models.CharField(max_length=3)),
                ('content', models.BinaryField()),
                ('size_bytes', models.PositiveIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('problems', models.JSONField(default=list)),
                ('losses', models.JSONField(default=list)),
                ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('uploaded_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-uploaded_at'],
            },
        ),
        migrations.CreateModel(
            name='ApiOperation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveIntegerField()),
                ('method', models.CharField(max_length=6)),
                ('path', models.CharField(max_length=400)),
                ('identifier', models.CharField(blank=True, max_length=100)),
                ('summary', models.CharField(blank=True, max_length=200)),
                ('tags', models.JSONField(default=list)),
                ('effect', models.CharField(max_length=6)),
                ('is_bulk', models.BooleanField(default=False)),
                ('is_deprecated', models.BooleanField(default=False)),
                ('is_chosen', models.BooleanField(default=False)),
                ('document', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='operations', to='marketplace.apidocument')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='Draft',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('slug', models.CharField(blank=True, max_length=100)),
                ('text', models.TextField(blank=True)),
                ('state', models.CharField(choices=[('broken', 'With errors'), ('lacking', 'Not complete'), ('ready', 'Ready')], max_length=8)),
                ('revision', models.PositiveIntegerField(default=1)),
                ('losses', models.JSONField(default=list)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('extension', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.extension')),
                ('updated_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-updated_at'],
            },
        ),
        migrations.CreateModel(
            name='DraftFile',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('path', models.CharField(max_length=200)),
                ('content', models.BinaryField()),
                ('size_bytes', models.PositiveIntegerField()),
                ('added_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('draft', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='files', to='marketplace.draft')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['path'],
            },
        ),
        migrations.AddIndex(
            model_name='apidocument',
            index=models.Index(fields=['workspace', '-uploaded_at', '-id'], name='apidocument_newest'),
        ),
        migrations.AddConstraint(
            model_name='apioperation',
            constraint=models.UniqueConstraint(fields=('workspace', 'document', 'position'), name='apioperation_position_once'),
        ),
        migrations.AddIndex(
            model_name='draft',
            index=models.Index(fields=['workspace', '-updated_at', '-id'], name='draft_newest'),
        ),
        migrations.AddConstraint(
            model_name='draftfile',
            constraint=models.UniqueConstraint(fields=('workspace', 'draft', 'path'), name='draftfile_path_once'),
        ),
        WorkspaceWall("Draft"),
        WorkspaceWall("DraftFile"),
        WorkspaceWall("ApiDocument"),
        WorkspaceWall("ApiOperation"),
        SameWorkspace("Draft", "extension", to="registry.Extension"),
        SameWorkspace("DraftFile", "draft", to="marketplace.Draft"),
        SameWorkspace("ApiOperation", "document", to="marketplace.ApiDocument"),
    ]
