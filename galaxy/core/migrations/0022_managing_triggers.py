"""A permission to make triggers and to switch them on and off."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0021_on_flagged'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='workspace',
            options={'ordering': ['name'], 'permissions': [('view_listing', 'Browse the marketplace'), ('view_installation', 'See installed extensions'), ('install_extension', 'Install and remove extensions'), ('pin_installation', 'Move and pin versions'), ('run_installation', 'Run extensions that read'), ('write_installation', 'Run extensions that write'), ('view_run', 'See every run'), ('manage_connection', 'Connect accounts, and let their calls pass again'), ('manage_trigger', 'Make triggers, and switch them on and off'), ('write_extension', 'Write extensions and submit them'), ('review_submission', 'Review submissions and vouch for extensions'), ('view_approval', 'See every approval request'), ('decide_approval', 'Decide approval requests'), ('view_rule', 'See rules and decisions'), ('manage_rule', 'Write rules, groups of approvers and Auto-Approve grants'), ('view_auditevent', 'Read the audit trail'), ('export_auditevent', 'Export and verify the audit trail'), ('manage_audit', 'Set how long records are kept and where they are streamed'), ('view_member', 'See the people and their roles'), ('manage_member', 'Invite people, change roles and give grants'), ('manage_role', 'Define roles'), ('manage_agent', 'Manage agents and their tokens'), ('view_secret', 'See which secrets there are, never their values'), ('manage_secret', 'Store, rotate and shred secrets'), ('change_settings', 'Change what holds for the whole workspace')]},
        ),
    ]
