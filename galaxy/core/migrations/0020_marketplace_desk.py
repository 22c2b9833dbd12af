"""The marketplace's own workspace, of which there is one, and the permission to review what is submitted to it."""

from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# Which workspace is the marketplace's is known to all: it is where they submit to. No other workspace turns into it,
# nor it into another.
ONE_DESK = f"""
CREATE FUNCTION core_marketplace_workspace() RETURNS SETOF core_workspace
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.* FROM core_workspace w WHERE w.is_marketplace
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_marketplace_workspace() OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_marketplace_workspace() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_marketplace_workspace() TO {APP_ROLE};
CREATE TRIGGER marketplace_for_good BEFORE UPDATE OF is_marketplace ON core_workspace
    FOR EACH ROW WHEN (NEW.is_marketplace IS DISTINCT FROM OLD.is_marketplace)
    EXECUTE FUNCTION galaxy_refuse_change();
"""
NO_DESK = f"""
DROP TRIGGER marketplace_for_good ON core_workspace;
SET ROLE {ROLLUP_ROLE}; DROP FUNCTION core_marketplace_workspace(); RESET ROLE
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0019_trails_to_seal'),
    ]

    operations = [
        migrations.AddField(
            model_name='workspace',
            name='is_marketplace',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddConstraint(
            model_name='workspace',
            constraint=models.UniqueConstraint(
                condition=models.Q(('is_marketplace', True)), fields=('is_marketplace',), name='workspace_one_marketplace'
            ),
        ),
        migrations.RunSQL(ONE_DESK, NO_DESK),
        migrations.AlterModelOptions(
            name='workspace',
            options={'ordering': ['name'], 'permissions': [('view_listing', 'Browse the marketplace'), ('view_installation', 'See installed extensions'), ('install_extension', 'Install and remove extensions'), ('pin_installation', 'Move and pin versions'), ('run_installation', 'Run extensions that read'), ('write_installation', 'Run extensions that write'), ('view_run', 'See every run'), ('manage_connection', 'Connect accounts, and let their calls pass again'), ('write_extension', 'Write extensions and submit them'), ('review_submission', 'Review submissions and vouch for extensions'), ('view_approval', 'See every approval request'), ('decide_approval', 'Decide approval requests'), ('view_rule', 'See rules and decisions'), ('manage_rule', 'Write rules, groups of approvers and Auto-Approve grants'), ('view_auditevent', 'Read the audit trail'), ('export_auditevent', 'Export and verify the audit trail'), ('manage_audit', 'Set how long records are kept and where they are streamed'), ('view_member', 'See the people and their roles'), ('manage_member', 'Invite people, change roles and give grants'), ('manage_role', 'Define roles'), ('manage_agent', 'Manage agents and their tokens'), ('view_secret', 'See which secrets there are, never their values'), ('manage_secret', 'Store, rotate and shred secrets'), ('change_settings', 'Change what holds for the whole workspace')]},
        ),
    ]
