"""Published versions never change; installations, pins and connections are walled and keep to one workspace."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE
from galaxy.core.db.operations import KeepsHistory, SameWorkspace, WorkspaceWall

IMMUTABLE_VERSION = f"""
CREATE FUNCTION registry_version_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - 'status') IS DISTINCT FROM (to_jsonb(OLD) - 'status') THEN
        RAISE EXCEPTION 'version % is published and cannot change', OLD.number USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON registry_version
    FOR EACH ROW EXECUTE FUNCTION registry_version_immutable();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON registry_versionfile
    FOR EACH ROW EXECUTE FUNCTION galaxy_refuse_change();
REVOKE DELETE ON registry_version FROM {APP_ROLE};
REVOKE UPDATE, DELETE ON registry_versionfile FROM {APP_ROLE};
"""
MUTABLE_AGAIN = f"""
GRANT UPDATE, DELETE ON registry_versionfile TO {APP_ROLE};
GRANT DELETE ON registry_version TO {APP_ROLE};
DROP TRIGGER immutable ON registry_versionfile;
DROP TRIGGER immutable ON registry_version;
DROP FUNCTION registry_version_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial"), ("core", "0002_walls")]

    operations = [
        migrations.RunSQL(IMMUTABLE_VERSION, MUTABLE_AGAIN),
        WorkspaceWall("Installation"),
        WorkspaceWall("Pin"),
        WorkspaceWall("Connection"),
        SameWorkspace("Pin", "installation", to="registry.Installation"),
        SameWorkspace("Connection", "installation", to="registry.Installation"),
        KeepsHistory("Pin"),
    ]
