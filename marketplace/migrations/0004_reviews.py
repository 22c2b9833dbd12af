"""What workspaces write of the versions they run live."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import WorkspaceWall

# Whoever did not run a version has nothing to tell of it, and a review stays about what it was written of.
ONLY_AFTER_LIVE_RUNS = """
CREATE FUNCTION marketplace_review_after_live_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.workspace_id, NEW.extension_id, NEW.version_id) IS DISTINCT FROM
           (OLD.workspace_id, OLD.extension_id, OLD.version_id) THEN
            RAISE EXCEPTION 'A review stays about the version it was written of.' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM registry_version WHERE id = NEW.version_id AND extension_id = NEW.extension_id) THEN
        RAISE EXCEPTION 'A review is about a version of its extension.' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM sandbox_run run JOIN registry_installation here ON here.id = run.installation_id
        WHERE run.workspace_id = NEW.workspace_id AND here.workspace_id = NEW.workspace_id
            AND here.extension_id = NEW.extension_id AND run.version_id = NEW.version_id AND run.mode = 'live'
            AND run.state IN ('succeeded', 'failed', 'unknown') AND NOT run.is_check
    ) THEN
        RAISE EXCEPTION 'Only a workspace with live runs of a version reviews it.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER after_live_runs BEFORE INSERT OR UPDATE ON marketplace_review
    FOR EACH ROW EXECUTE FUNCTION marketplace_review_after_live_runs();
"""
WITHOUT_RUNS = """
DROP TRIGGER after_live_runs ON marketplace_review;
DROP FUNCTION marketplace_review_after_live_runs();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0020_marketplace_desk'),
        ('marketplace', '0003_known_names'),
        ('registry', '0010_deciding_requests'),
        ('sandbox', '0013_rings'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('rating', models.PositiveSmallIntegerField()),
                ('text', models.TextField(blank=True)),
                ('live_runs', models.PositiveIntegerField()),
                ('written_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('changed_at', models.DateTimeField(blank=True, null=True)),
                ('hidden_at', models.DateTimeField(blank=True, null=True)),
                ('hidden_reason', models.CharField(blank=True, max_length=300)),
                ('extension', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.extension')),
                ('hidden_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
                ('written_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-written_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('hidden_at', None)), fields=['extension', '-written_at', '-id'], name='review_of_extension')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'version'), name='review_once_per_version'), models.CheckConstraint(condition=models.Q(('rating__gte', 1), ('rating__lte', 5)), name='review_rating_1_to_5'), models.CheckConstraint(condition=models.Q(('live_runs__gte', 1)), name='review_has_live_runs'), models.CheckConstraint(condition=models.Q(models.Q(('hidden_at', None), ('hidden_by', None), ('hidden_reason', '')), models.Q(('hidden_at__isnull', False), ('hidden_by__isnull', False), models.Q(('hidden_reason', ''), _negated=True)), _connector='OR'), name='review_hidden_with_reason')],
            },
        ),
        # Everybody reads every review; only its own workspace, and the desk beside it, writes it.
        WorkspaceWall("Review", plus="true"),
        migrations.RunSQL(ONLY_AFTER_LIVE_RUNS, WITHOUT_RUNS),
    ]
