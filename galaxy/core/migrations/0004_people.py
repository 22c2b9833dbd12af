"""People: roles of a workspace's own, invitations by mail, and requests for a permission."""

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Whoever opens an invitation is in no workspace yet. The hash of its secret leads to ids, and to nothing else.
FIND_INVITATION = f"""
CREATE FUNCTION core_find_invitation(hash text) RETURNS TABLE (workspace_id uuid, invitation_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.workspace_id, i.id FROM core_invitation i WHERE i.token_hash = hash
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_find_invitation(text) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_find_invitation(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_find_invitation(text) TO {APP_ROLE};
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0003_audit_search'),
    ]

    operations = [
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('address', models.EmailField(max_length=254)),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                ('invited_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['-invited_at'],
            },
        ),
        migrations.CreateModel(
            name='PermissionRequest',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('permission', models.CharField(max_length=100)),
                ('target_kind', models.CharField(max_length=60)),
                ('target_id', models.UUIDField()),
                ('target_label', models.CharField(max_length=120)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('status', models.CharField(choices=[('pending', 'Waiting'), ('given', 'Given'), ('declined', 'Declined'), ('withdrawn', 'Withdrawn')], default='pending', max_length=10)),
                ('decided_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'ordering': ['asked_at'],
            },
        ),
        migrations.AlterModelOptions(
            name='workspace',
            options={'ordering': ['name'], 'permissions': [('view_listing', 'Browse the marketplace'), ('view_installation', 'See installed extensions'), ('install_extension', 'Install and remove extensions'), ('pin_installation', 'Move and pin versions'), ('run_installation', 'Run extensions that read'), ('write_installation', 'Run extensions that write'), ('view_run', 'See every run'), ('view_approval', 'See every approval request'), ('decide_approval', 'Decide approval requests'), ('view_auditevent', 'Read the audit trail'), ('view_member', 'See the people and their roles'), ('manage_member', 'Invite people, change roles and give grants'), ('manage_role', 'Define roles'), ('manage_agent', 'Manage agents and their tokens')]},
        ),
        migrations.RemoveConstraint(
            model_name='rolegroup',
            name='rolegroup_once',
        ),
        migrations.AddField(
            model_name='membership',
            name='custom_role',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='core.rolegroup'),
        ),
        migrations.AddField(
            model_name='rolegroup',
            name='name',
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AlterField(
            model_name='membership',
            name='role',
            field=models.CharField(blank=True, choices=[('owner', 'Owner'), ('admin', 'Admin'), ('approver', 'Approver'), ('creator', 'Creator'), ('auditor', 'Auditor'), ('member', 'Member')], max_length=12),
        ),
        migrations.AlterField(
            model_name='rolegroup',
            name='role',
            field=models.CharField(blank=True, choices=[('owner', 'Owner'), ('admin', 'Admin'), ('approver', 'Approver'), ('creator', 'Creator'), ('auditor', 'Auditor'), ('member', 'Member')], max_length=12),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('custom_role__isnull', False), ('role', '')), models.Q(models.Q(('role', ''), _negated=True), ('custom_role', None)), _connector='OR'), name='membership_role_or_custom'),
        ),
        migrations.AddConstraint(
            model_name='rolegroup',
            constraint=models.UniqueConstraint(condition=models.Q(('role', ''), _negated=True), fields=('workspace', 'role'), name='rolegroup_once'),
        ),
        migrations.AddConstraint(
            model_name='rolegroup',
            constraint=models.UniqueConstraint(models.F('workspace'), django.db.models.functions.text.Lower('name'), condition=models.Q(('role', '')), name='rolegroup_name_once'),
        ),
        migrations.AddConstraint(
            model_name='rolegroup',
            constraint=models.CheckConstraint(condition=models.Q(('role', ''), ('name', ''), _connector='XOR'), name='rolegroup_role_or_name'),
        ),
        migrations.AddField(
            model_name='invitation',
            name='accepted_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='invitation',
            name='invited_by',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='invitation',
            name='role_group',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='invitations', to='core.rolegroup'),
        ),
        migrations.AddField(
            model_name='invitation',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='permissionrequest',
            name='asked_by',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='permissionrequest',
            name='decided_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='permissionrequest',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(models.F('workspace'), django.db.models.functions.text.Lower('address'), condition=models.Q(('accepted_at', None), ('withdrawn_at', None)), name='invitation_once_while_open'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('accepted_at', None), ('withdrawn_at', None), _connector='OR'), name='invitation_ends_one_way'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('accepted_at', None), ('accepted_by', None)), models.Q(('accepted_at__isnull', False), ('accepted_by__isnull', False)), _connector='OR'), name='invitation_accepted_by_somebody'),
        ),
        migrations.AddIndex(
            model_name='permissionrequest',
            index=models.Index(fields=['workspace', 'status', 'asked_at'], name='permissionrequest_queue'),
        ),
        migrations.AddConstraint(
            model_name='permissionrequest',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'pending')), fields=('workspace', 'asked_by', 'permission', 'target_id'), name='permissionrequest_once_while_pending'),
        ),
        migrations.AddConstraint(
            model_name='permissionrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('status', 'pending')), models.Q(models.Q(('status', 'pending'), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='permissionrequest_decided_at_iff_decided'),
        ),
        migrations.AddConstraint(
            model_name='permissionrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'declined'), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='permissionrequest_declined_has_reason'),
        ),
        WorkspaceWall("Invitation"),
        WorkspaceWall("PermissionRequest"),
        SameWorkspace("Membership", "custom_role", to="core.RoleGroup"),
        SameWorkspace("Invitation", "role_group", to="core.RoleGroup"),
        migrations.RunSQL(
            FIND_INVITATION, f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION core_find_invitation(text); RESET ROLE"
        ),
    ]
