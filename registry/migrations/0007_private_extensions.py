"""Extensions that one workspace has for itself: walled from all others, while the public ones stay everybody's.

A version and its files belong to whom their extension belongs to, an extension never changes hands, and a workspace
installs and pins nothing that another one has for itself.
"""

import django.db.models.deletion
from django.db import migrations, models

from galaxy.core.db.operations import WorkspaceWall

ONE_OWNER = """
CREATE FUNCTION registry_keeps_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.workspace_id IS DISTINCT FROM OLD.workspace_id THEN
        RAISE EXCEPTION 'extension % belongs to another', OLD.slug USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keeps_owner BEFORE UPDATE ON registry_extension
    FOR EACH ROW EXECUTE FUNCTION registry_keeps_owner();

-- The row that the column TG_ARGV[1] leads to, in the table TG_ARGV[0], has the same owner; or, where TG_ARGV[2] says
-- so, none. What another workspace has is invisible here, and so is never found.
CREATE FUNCTION registry_same_owner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fits boolean;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (SELECT 1 FROM %I WHERE id = $1'
        ' AND (workspace_id IS NOT DISTINCT FROM $2 OR ($3 AND workspace_id IS NULL)))',
        TG_ARGV[0]
    ) INTO fits USING (to_jsonb(NEW) ->> TG_ARGV[1])::uuid, NEW.workspace_id, TG_ARGV[2] = 'or public';
    IF NOT fits THEN
        RAISE EXCEPTION '% of % belongs to another workspace', TG_ARGV[1], TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER same_owner BEFORE INSERT ON registry_version
    FOR EACH ROW EXECUTE FUNCTION registry_same_owner('registry_extension', 'extension_id', '');
CREATE TRIGGER same_owner BEFORE INSERT ON registry_versionfile
    FOR EACH ROW EXECUTE FUNCTION registry_same_owner('registry_version', 'version_id', '');
CREATE TRIGGER same_owner BEFORE INSERT OR UPDATE OF extension_id ON registry_installation
    FOR EACH ROW EXECUTE FUNCTION registry_same_owner('registry_extension', 'extension_id', 'or public');
CREATE TRIGGER same_owner BEFORE INSERT OR UPDATE OF version_id ON registry_pin
    FOR EACH ROW EXECUTE FUNCTION registry_same_owner('registry_version', 'version_id', 'or public');
"""
ANY_OWNER = """
DROP TRIGGER same_owner ON registry_pin;
DROP TRIGGER same_owner ON registry_installation;
DROP TRIGGER same_owner ON registry_versionfile;
DROP TRIGGER same_owner ON registry_version;
DROP TRIGGER keeps_owner ON registry_extension;
DROP FUNCTION registry_same_owner();
DROP FUNCTION registry_keeps_owner();
"""


def owner():
    return models.ForeignKey(
        blank=True,
        db_index=False,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="core.workspace",
    )


class Migration(migrations.Migration):
    dependencies = [("core", "0011_more_permissions"), ("registry", "0006_app_registrations")]

    operations = [
        migrations.AddField("extension", "workspace", owner()),
        migrations.AddField("version", "workspace", owner()),
        migrations.AddField("versionfile", "workspace", owner()),
        migrations.AlterField("extension", "slug", models.CharField(max_length=80)),
        migrations.AlterField("version", "digest", models.CharField(max_length=64)),
        migrations.AddIndex("extension", models.Index(fields=["slug"], name="extension_by_slug")),
        migrations.AddIndex("version", models.Index(fields=["digest"], name="version_by_digest")),
        migrations.AddConstraint(
            "extension",
            models.UniqueConstraint(
                condition=models.Q(workspace=None), fields=("slug",), name="extension_slug_once_public"
            ),
        ),
        migrations.AddConstraint(
            "extension", models.UniqueConstraint(fields=("workspace", "slug"), name="extension_slug_once_private")
        ),
        migrations.AddConstraint(
            "version",
            models.UniqueConstraint(
                condition=models.Q(workspace=None), fields=("digest",), name="version_digest_once_public"
            ),
        ),
        migrations.AddConstraint(
            "version", models.UniqueConstraint(fields=("workspace", "digest"), name="version_digest_once_private")
        ),
        WorkspaceWall("Extension", shared=True),
        WorkspaceWall("Version", shared=True),
        WorkspaceWall("VersionFile", shared=True),
        migrations.RunSQL(ONE_OWNER, ANY_OWNER),
    ]
