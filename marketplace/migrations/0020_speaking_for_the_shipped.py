"""A marketplace of elsewhere may be let speak for the shipped catalogue; that is said and taken back while it is trusted."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FUNCTION = """
CREATE OR REPLACE FUNCTION marketplace_source_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ends constant text[] := ARRAY['revoked_at', 'revoked_by_id', 'revoke_reason'%s];
BEGIN
    IF TG_OP = 'DELETE' OR OLD.revoked_at IS NOT NULL
        OR (to_jsonb(NEW) - ends) IS DISTINCT FROM (to_jsonb(OLD) - ends)
    THEN
        RAISE EXCEPTION 'source %% can only be revoked, once', OLD.name USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
"""
SPEAKS = FUNCTION % ", 'speaks_since', 'speaks_by_id', 'speaks_reason'"


class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0019_figures_of_three'),
        ('registry', '0023_shipped'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='bundlesource',
            name='speaks_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='bundlesource',
            name='speaks_reason',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='bundlesource',
            name='speaks_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='bundlesource',
            constraint=models.CheckConstraint(condition=models.Q(('speaks_reason', ''), ('speaks_since', None)) | models.Q(('speaks_since__isnull', False), models.Q(('speaks_reason', ''), _negated=True)), name='bundlesource_speaks_with_reason'),
        ),
        migrations.RunSQL(SPEAKS, FUNCTION % ""),
    ]
