"""Accounts: preferences of a person, and whether a workspace asks for a second factor."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0005_machines'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='workspace',
            options={'ordering': ['name'], 'permissions': [('view_listing', 'Browse the marketplace'), ('view_installation', 'See installed extensions'), ('install_extension', 'Install and remove extensions'), ('pin_installation', 'Move and pin versions'), ('run_installation', 'Run extensions that read'), ('write_installation', 'Run extensions that write'), ('view_run', 'See every run'), ('view_approval', 'See every approval request'), ('decide_approval', 'Decide approval requests'), ('view_auditevent', 'Read the audit trail'), ('view_member', 'See the people and their roles'), ('manage_member', 'Invite people, change roles and give grants'), ('manage_role', 'Define roles'), ('manage_agent', 'Manage agents and their tokens'), ('change_settings', 'Change what holds for the whole workspace')]},
        ),
        migrations.AddField(
            model_name='user',
            name='letters',
            field=models.CharField(blank=True, choices=[('', 'On'), ('off', 'Off')], default='', max_length=3),
        ),
        migrations.AddField(
            model_name='user',
            name='time_zone',
            field=models.CharField(default='UTC', help_text='A name of the IANA time zone database.', max_length=64),
        ),
        migrations.AddField(
            model_name='workspace',
            name='requires_second_factor',
            field=models.BooleanField(default=False),
        ),
    ]
