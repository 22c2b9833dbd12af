"""Publishers and their teams, public keys, and the signatures of versions."""

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0020_marketplace_desk'),
        ('registry', '0012_pins_that_say_why'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Publisher',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('slug', models.SlugField(max_length=80, unique=True)),
                ('skeleton', models.CharField(max_length=160)),
                ('proof', models.CharField(choices=[('none', 'Not proven'), ('dns', 'Proven by DNS'), ('staff', 'Vouched for by staff')], default='none', max_length=5)),
                ('domain', models.CharField(blank=True, max_length=253)),
                ('token', models.CharField(max_length=64)),
                ('proven_at', models.DateTimeField(blank=True, null=True)),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('missing_since', models.DateTimeField(blank=True, null=True)),
                ('vouch_reason', models.CharField(blank=True, max_length=300)),
                ('signs_from', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('vouched_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(blank=True, db_column='held_by_id', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='publishers', to='core.workspace')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.AddField(
            model_name='extension',
            name='owner',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='extensions', to='registry.publisher'),
        ),
        migrations.CreateModel(
            name='PublisherMember',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('role', models.CharField(choices=[('manager', 'Manager'), ('author', 'Author')], default='author', max_length=7)),
                ('added_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('added_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('publisher', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='team', to='registry.publisher')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['added_at'],
            },
        ),
        migrations.CreateModel(
            name='SigningKey',
            fields=[
                ('id', models.CharField(max_length=12, primary_key=True, serialize=False)),
                ('owner', models.CharField(choices=[('marketplace', 'The marketplace'), ('publisher', 'A publisher')], max_length=11)),
                ('public', models.BinaryField(max_length=32)),
                ('number', models.PositiveIntegerField(blank=True, null=True)),
                ('introduction', models.TextField(blank=True)),
                ('introduced_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revoke_reason', models.CharField(blank=True, max_length=300)),
                ('introduced_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('publisher', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='keys', to='registry.publisher')),
                ('revoked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['owner', 'number', 'introduced_at'],
            },
        ),
        migrations.CreateModel(
            name='VersionSignature',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('statement', models.TextField()),
                ('signature', models.BinaryField(max_length=64)),
                ('signed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='signatures', to='registry.signingkey')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='signatures', to='registry.version')),
                ('workspace', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['signed_at'],
            },
        ),
        migrations.AddConstraint(
            model_name='publisher',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('name'), name='publisher_name_once'),
        ),
        migrations.AddConstraint(
            model_name='publisher',
            constraint=models.UniqueConstraint(fields=('skeleton',), name='publisher_look_once'),
        ),
        migrations.AddConstraint(
            model_name='publisher',
            constraint=models.CheckConstraint(condition=models.Q(('skeleton', ''), _negated=True), name='publisher_name_has_letters'),
        ),
        migrations.AddConstraint(
            model_name='publisher',
            constraint=models.CheckConstraint(condition=models.Q(('name__regex', '[<>[:cntrl:]]'), _negated=True), name='publisher_name_is_plain'),
        ),
        migrations.AddConstraint(
            model_name='publisher',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('proof', 'none'), ('proven_at', None)), models.Q(models.Q(('proof', 'none'), _negated=True), ('proven_at__isnull', False)), _connector='OR'), name='publisher_proven_at_iff_proven'),
        ),
        migrations.AddConstraint(
            model_name='publisher',
            constraint=models.CheckConstraint(condition=models.Q(('domain', ''), ('proof', 'dns'), _negated=True), name='publisher_dns_has_domain'),
        ),
        migrations.AddConstraint(
            model_name='publisher',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('proof', 'staff'), _negated=True), ('workspace', None), models.Q(('vouched_by__isnull', False), models.Q(('vouch_reason', ''), _negated=True)), _connector='OR'), name='publisher_vouch_has_somebody'),
        ),
        migrations.AddConstraint(
            model_name='publishermember',
            constraint=models.UniqueConstraint(fields=('publisher', 'user'), name='publishermember_once'),
        ),
        migrations.AddConstraint(
            model_name='signingkey',
            constraint=models.UniqueConstraint(fields=('number',), name='signingkey_number_once'),
        ),
        migrations.AddConstraint(
            model_name='signingkey',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('number', None), ('owner', 'publisher'), ('publisher__isnull', False)), models.Q(('number__isnull', False), ('owner', 'marketplace'), ('publisher', None), models.Q(('introduction', ''), _negated=True)), _connector='OR'), name='signingkey_has_one_owner'),
        ),
        migrations.AddConstraint(
            model_name='signingkey',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('revoke_reason', ''), ('revoked_at', None)), models.Q(('revoked_at__isnull', False), models.Q(('revoke_reason', ''), _negated=True)), _connector='OR'), name='signingkey_revoked_with_reason'),
        ),
        migrations.AddConstraint(
            model_name='versionsignature',
            constraint=models.UniqueConstraint(fields=('version', 'key'), name='versionsignature_once'),
        ),
        migrations.AddIndex(
            model_name='version',
            index=models.Index(fields=['published_at'], name='version_newest'),
        ),
    ]
