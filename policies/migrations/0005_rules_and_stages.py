"""Rules and their sets, stages of approvals, groups, delegations, Auto-Approve grants and changes."""

import datetime
import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import AppendOnly, KeepsHistory, SameWorkspace, WorkspaceWall


TABLES = (
    "Rule",
    "RuleSet",
    "ApprovalStage",
    "ApproverGroup",
    "ApproverGroupMember",
    "Delegation",
    "AutoApproval",
    "Change",
)
WITHIN_WORKSPACE = (
    ("ApprovalStage", "approval", "policies.Approval"),
    ("Vote", "stage", "policies.ApprovalStage"),
    ("ApproverGroupMember", "group", "policies.ApproverGroup"),
    ("Approval", "installation", "registry.Installation"),
    ("Approval", "agent", "core.Agent"),
    ("Approval", "again", "policies.Approval"),
    ("Approval", "narrowed_from", "policies.Approval"),
    ("Approval", "grant", "policies.AutoApproval"),
    ("AutoApproval", "installation", "registry.Installation"),
    ("AutoApproval", "agent", "core.Agent"),
    ("Delegation", "installation", "registry.Installation"),
    ("Change", "installation", "registry.Installation"),
    ("Change", "approval", "policies.Approval"),
)


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0012_rules_and_trail'),
        ('policies', '0004_expiring_approvals'),
        ('registry', '0009_no_time_of_writing'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApproverGroup',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60)),
                ('purpose', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='ApproverGroupMember',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('added_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='AutoApproval',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('scope', models.CharField(max_length=120)),
                ('reason', models.CharField(max_length=500)),
                ('budget', models.PositiveIntegerField()),
                ('used', models.PositiveIntegerField(default=0)),
                ('most_records', models.PositiveIntegerField(blank=True, null=True)),
                ('error_percent', models.PositiveSmallIntegerField(default=20)),
                ('version_digest', models.CharField(max_length=64)),
                ('covers_delete', models.BooleanField(default=False)),
                ('starts_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ends_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('ended_because', models.CharField(blank=True, choices=[('spent', 'Budget used up'), ('time', 'Time over'), ('version', 'New version'), ('errors', 'Too many errors'), ('owner', 'Owner left'), ('revoked', 'Revoked'), ('declined', 'Second person said no')], max_length=8)),
            ],
            options={
                'ordering': ['ends_at'],
            },
        ),
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('install', 'Install'), ('upgrade', 'Upgrade'), ('widen', 'Widen scopes')], max_length=8)),
                ('from_digest', models.CharField(blank=True, max_length=64)),
                ('scopes', models.JSONField(default=list)),
                ('hosts', models.JSONField(default=list)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('made', 'Made'), ('refused', 'Refused'), ('failed', 'Failed')], default='waiting', max_length=8)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('error', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'ordering': ['-asked_at'],
            },
        ),
        migrations.CreateModel(
            name='Delegation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['starts_at'],
            },
        ),
        migrations.CreateModel(
            name='Rule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('title', models.CharField(max_length=80)),
                ('effect', models.CharField(choices=[('allow', 'Allowed'), ('deny', 'Denied'), ('require_approval', 'Needs approval')], max_length=16)),
                ('who', models.JSONField(blank=True, default=dict)),
                ('what', models.JSONField(blank=True, default=dict)),
                ('when', models.JSONField(blank=True, default=dict)),
                ('ask', models.JSONField(blank=True, default=dict)),
                ('obligations', models.JSONField(blank=True, default=dict)),
                ('reason', models.CharField(max_length=500)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['number'],
            },
        ),
        migrations.CreateModel(
            name='RuleSet',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('content', models.JSONField(default=list)),
                ('digest', models.CharField(max_length=64)),
                ('change', models.CharField(help_text='What was done, such as: Rule 4 changed.', max_length=200)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('restored_from', models.PositiveIntegerField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.AddField(
            model_name='approval',
            name='again',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='asked_again', to='policies.approval'),
        ),
        migrations.AddField(
            model_name='approval',
            name='agent',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.agent'),
        ),
        migrations.AddField(
            model_name='approval',
            name='assigned_to',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='approval',
            name='bound',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='approval',
            name='data_classes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='approval',
            name='effect',
            field=models.CharField(blank=True, max_length=16),
        ),
        migrations.AddField(
            model_name='approval',
            name='installation',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation'),
        ),
        migrations.AddField(
            model_name='approval',
            name='is_bulk',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='approval',
            name='ladder',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='approval',
            name='narrowed_from',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='narrowed', to='policies.approval'),
        ),
        migrations.AddField(
            model_name='approval',
            name='needs_second_factor',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='approval',
            name='records',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='approval',
            name='reminded_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='approval',
            name='shape',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='approval',
            name='simulated',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='approval',
            name='target',
            field=models.CharField(blank=True, max_length=160),
        ),
        migrations.AddField(
            model_name='decision',
            name='ask',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='decision',
            name='rules',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='vote',
            name='factor',
            field=models.CharField(blank=True, max_length=12),
        ),
        migrations.AddField(
            model_name='vote',
            name='on_behalf_of',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='ApprovalStage',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('reviewers', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                ('needed', models.PositiveSmallIntegerField(default=1)),
                ('opened_at', models.DateTimeField(blank=True, null=True)),
                ('done_at', models.DateTimeField(blank=True, null=True)),
                ('approval', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='stages', to='policies.approval')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.AddField(
            model_name='vote',
            name='stage',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='votes', to='policies.approvalstage'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.CheckConstraint(condition=models.Q(('on_behalf_of', None), models.Q(models.Q(('on_behalf_of', models.F('requested_by')), _negated=True), models.Q(('on_behalf_of', models.F('reviewer')), _negated=True)), _connector='OR'), name='vote_not_for_requester'),
        ),
        migrations.AddField(
            model_name='approvergroup',
            name='created_by',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='approvergroup',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='approvergroupmember',
            name='added_by',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='approvergroupmember',
            name='group',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='policies.approvergroup'),
        ),
        migrations.AddField(
            model_name='approvergroupmember',
            name='user',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='approvergroupmember',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='autoapproval',
            name='agent',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.agent'),
        ),
        migrations.AddField(
            model_name='autoapproval',
            name='confirmed_by',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='autoapproval',
            name='installation',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation'),
        ),
        migrations.AddField(
            model_name='autoapproval',
            name='owner',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='autoapproval',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='approval',
            name='grant',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='uses', to='policies.autoapproval'),
        ),
        migrations.AddIndex(
            model_name='approval',
            index=models.Index(condition=models.Q(('status', 'pending'), _negated=True), fields=['workspace', '-decided_at'], name='approval_decided'),
        ),
        migrations.AddIndex(
            model_name='approval',
            index=models.Index(fields=['workspace', 'shape', '-requested_at'], name='approval_by_shape'),
        ),
        migrations.AddIndex(
            model_name='approval',
            index=models.Index(fields=['workspace', 'subject_kind', 'subject_id'], name='approval_by_subject'),
        ),
        migrations.AddField(
            model_name='change',
            name='approval',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='policies.approval'),
        ),
        migrations.AddField(
            model_name='change',
            name='asked_by',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='change',
            name='extension',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.extension'),
        ),
        migrations.AddField(
            model_name='change',
            name='installation',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation'),
        ),
        migrations.AddField(
            model_name='change',
            name='version',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version'),
        ),
        migrations.AddField(
            model_name='change',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='delegation',
            name='giver',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='delegation',
            name='installation',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation'),
        ),
        migrations.AddField(
            model_name='delegation',
            name='taker',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='delegation',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='rule',
            name='owner',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='rule',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='ruleset',
            name='author',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='ruleset',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddConstraint(
            model_name='approvalstage',
            constraint=models.UniqueConstraint(fields=('workspace', 'approval', 'position'), name='approvalstage_once'),
        ),
        migrations.AddConstraint(
            model_name='approvalstage',
            constraint=models.CheckConstraint(condition=models.Q(('needed__gte', 1), ('needed__lte', 9)), name='approvalstage_needs_somebody'),
        ),
        migrations.AddConstraint(
            model_name='approvergroup',
            constraint=models.UniqueConstraint(models.F('workspace'), django.db.models.functions.text.Lower('name'), condition=models.Q(('ended_at', None)), name='approvergroup_name_once'),
        ),
        migrations.AddIndex(
            model_name='approvergroupmember',
            index=models.Index(fields=['workspace', 'user'], name='approvergroup_of_person'),
        ),
        migrations.AddConstraint(
            model_name='approvergroupmember',
            constraint=models.UniqueConstraint(fields=('workspace', 'group', 'user'), name='approvergroupmember_once'),
        ),
        migrations.AddIndex(
            model_name='autoapproval',
            index=models.Index(condition=models.Q(('ended_at', None)), fields=['workspace', 'installation'], name='autoapproval_in_force'),
        ),
        migrations.AddConstraint(
            model_name='autoapproval',
            constraint=models.CheckConstraint(condition=models.Q(('used__lte', models.F('budget'))), name='autoapproval_within_budget'),
        ),
        migrations.AddConstraint(
            model_name='autoapproval',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='autoapproval_has_reason'),
        ),
        migrations.AddConstraint(
            model_name='autoapproval',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at')), ('ends_at__lte', django.db.models.expressions.CombinedExpression(models.F('starts_at'), '+', models.Value(datetime.timedelta(days=366))))), name='autoapproval_ends'),
        ),
        migrations.AddConstraint(
            model_name='autoapproval',
            constraint=models.CheckConstraint(condition=models.Q(('covers_delete', False), ('ends_at__lte', django.db.models.expressions.CombinedExpression(models.F('starts_at'), '+', models.Value(datetime.timedelta(days=7)))), _connector='OR'), name='autoapproval_of_delete_is_short'),
        ),
        migrations.AddConstraint(
            model_name='autoapproval',
            constraint=models.CheckConstraint(condition=models.Q(('covers_delete', False), ('used', 0), ('confirmed_by__isnull', False), _connector='OR'), name='autoapproval_of_delete_is_confirmed'),
        ),
        migrations.AddConstraint(
            model_name='autoapproval',
            constraint=models.CheckConstraint(condition=models.Q(('confirmed_by', None), models.Q(('confirmed_by', models.F('owner')), _negated=True), _connector='OR'), name='autoapproval_confirmed_by_another'),
        ),
        migrations.AddConstraint(
            model_name='autoapproval',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ended_because', '')), models.Q(('ended_at__isnull', False), models.Q(('ended_because', ''), _negated=True)), _connector='OR'), name='autoapproval_ended_because'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(fields=['workspace', '-asked_at'], name='change_newest'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(fields=['workspace', 'extension', 'state'], name='change_of_extension'),
        ),
        migrations.AddIndex(
            model_name='delegation',
            index=models.Index(fields=['workspace', 'taker', 'ends_at'], name='delegation_of_taker'),
        ),
        migrations.AddConstraint(
            model_name='delegation',
            constraint=models.CheckConstraint(condition=models.Q(('giver', models.F('taker')), _negated=True), name='delegation_to_somebody_else'),
        ),
        migrations.AddConstraint(
            model_name='delegation',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='delegation_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='delegation',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('ended_at', None), ('installation', None)), expressions=[('workspace', '='), ('giver', '='), (models.Func(models.F('starts_at'), models.F('ends_at'), models.Value('[)'), function='tstzrange'), '&&')], name='delegation_one_taker_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.UniqueConstraint(fields=('workspace', 'number'), name='rule_number_once'),
        ),
        migrations.AddConstraint(
            model_name='ruleset',
            constraint=models.UniqueConstraint(fields=('workspace', 'number'), name='ruleset_number_once'),
        ),
        migrations.AddConstraint(
            model_name='ruleset',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='ruleset_number_from_one'),
        ),
        *[WorkspaceWall(name) for name in TABLES],
        *[SameWorkspace(model, field, to=to) for model, field, to in WITHIN_WORKSPACE],
        *[KeepsHistory(name) for name in ("Rule", "ApproverGroupMember", "Delegation", "AutoApproval")],
        AppendOnly("RuleSet"),
    ]
