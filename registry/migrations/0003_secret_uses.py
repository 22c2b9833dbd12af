"""Which secrets of the workspace an installation may use."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import SameWorkspace, WorkspaceWall


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0008_vault'),
        ('registry', '0002_walls'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SecretUse',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64)),
                ('given_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('given_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='secret_uses', to='registry.installation')),
                ('secret', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.secret')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['name'],
                'indexes': [models.Index(fields=['workspace', 'secret'], name='secretuse_by_secret')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'installation', 'name'), name='secretuse_name_once')],
            },
        ),
        WorkspaceWall("SecretUse"),
        SameWorkspace("SecretUse", "installation", to="registry.Installation"),
        SameWorkspace("SecretUse", "secret", to="core.Secret"),
    ]
