"""Where this database stands: what a restored or cloned copy is told by."""

from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE


# The server's own number, that of the database there, and that of the table: a copy differs in one of them, whether it
# was restored from a dump, cloned, or put where the old one was. And the timeline, which counts recoveries.
HERE = """
CREATE FUNCTION core_here() RETURNS TABLE (place text, timeline integer)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT s.system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
        || '/' || 'core_home'::regclass::oid,
        ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
    FROM pg_control_system() s
$$
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0023_ways_to_people")]

    operations = [
        migrations.CreateModel(
            name="Home",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("place", models.CharField(max_length=80)),
                ("timeline", models.PositiveIntegerField()),
                ("noted_at", models.DateTimeField()),
            ],
            options={"constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="home_is_one")]},
        ),
        migrations.RunSQL(f"REVOKE INSERT, UPDATE, DELETE ON core_home FROM {APP_ROLE}", migrations.RunSQL.noop),
        migrations.RunSQL(HERE, "DROP FUNCTION core_here()"),
    ]
