"""A day is told once, when it is over, and never counted again: two looks at the same number find the same, so that no
difference of them is what one workspace did meanwhile. A call is of the day on which it ended, which no later call can
add to; before, it was of the day on which it was asked for, and that changed for as long as somebody could agree to it.
"""

from django.db import migrations, models

from galaxy.core.db.grants import ROLLUP_ROLE

LONGEST_DAYS = 14  # from being asked for to its end; what took longer is told nowhere


def calls(day: str, within: str) -> str:
    return f"""
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
SET ROLE {ROLLUP_ROLE};
-- Runs are looked up workspace by workspace, so that the index on the newest of each is used and nothing older is read.
CREATE OR REPLACE FUNCTION marketplace_calls(since date, until date)
RETURNS TABLE (version_id uuid, day date, workspace_id uuid, category text, counts_as text, ms float8)
LANGUAGE sql STABLE AS $$
    SELECT r.version_id, ({day} AT TIME ZONE 'UTC')::date, r.workspace_id, r.error_category::text,
        CASE WHEN r.kind = 'action' THEN r.counts_as
            WHEN r.state = 'succeeded' THEN 'good'
            WHEN r.state = 'cancelled' THEN 'caller'
            WHEN r.state NOT IN ('failed', 'unknown') THEN ''
            WHEN r.error_category = 'validation'
                AND r.error ->> 'error_code' IN ('output_mismatch', 'output_not_plain') THEN 'bad'
            WHEN r.error_category IN ('validation', 'not_found', 'policy_block') THEN 'caller'
            ELSE 'bad' END,
        1000 * extract(epoch FROM r.finished_at - coalesce(r.started_at, r.finished_at))::float8
    FROM core_workspace w
    JOIN sandbox_run r ON r.workspace_id = w.id AND {within}
    JOIN registry_version v ON v.id = r.version_id AND v.workspace_id IS NULL
    WHERE r.mode = 'live' AND NOT r.is_check AND r.rehearses_id IS NULL
$$;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
"""


def reached(before: str) -> str:
    return f"""
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
SET ROLE {ROLLUP_ROLE};
CREATE OR REPLACE FUNCTION marketplace_reached(at timestamptz)
RETURNS TABLE (extension_id uuid, version_id uuid, days_7 bigint, days_30 bigint, days_90 bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH last AS MATERIALIZED (
        SELECT v.extension_id, r.version_id, r.workspace_id, max(r.created_at) AS called_at
        FROM core_workspace w
        JOIN sandbox_run r ON r.workspace_id = w.id AND r.created_at >= at - interval '90 days' {before}
        JOIN registry_version v ON v.id = r.version_id AND v.workspace_id IS NULL
        WHERE r.mode = 'live' AND NOT r.is_check AND r.rehearses_id IS NULL
            AND r.state IN ('succeeded', 'failed', 'unknown')
        GROUP BY 1, 2, 3
    ), counted AS (
        SELECT l.extension_id, l.version_id,
            count(DISTINCT l.workspace_id) FILTER (WHERE l.called_at >= at - interval '7 days') AS days_7,
            count(DISTINCT l.workspace_id) FILTER (WHERE l.called_at >= at - interval '30 days') AS days_30,
            count(DISTINCT l.workspace_id) AS days_90
        FROM last l GROUP BY GROUPING SETS ((l.extension_id, l.version_id), (l.extension_id))
        HAVING count(DISTINCT l.workspace_id) >= 3
    )
    SELECT c.extension_id, c.version_id, marketplace_at_least(c.days_7), marketplace_at_least(c.days_30),
        marketplace_at_least(c.days_90)
    FROM counted c
$$;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
"""


ENDED = calls(
    "r.finished_at",
    f"""r.created_at >= (since - {LONGEST_DAYS})::timestamp AT TIME ZONE 'UTC'
        AND r.created_at < (until + 1)::timestamp AT TIME ZONE 'UTC'
        AND r.finished_at >= since::timestamp AT TIME ZONE 'UTC'
        AND r.finished_at < (until + 1)::timestamp AT TIME ZONE 'UTC'""",
)
ASKED = calls(
    "r.created_at",
    """r.created_at >= since::timestamp AT TIME ZONE 'UTC'
        AND r.created_at < (until + 1)::timestamp AT TIME ZONE 'UTC'""",
)
# Counted anew by the rule above, as far back as pages look.
ANEW = "DELETE FROM marketplace_versionday; DELETE FROM marketplace_reached;"


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0022_rare_ones_at_once")]

    operations = [
        migrations.CreateModel(
            name="ToldDay",
            fields=[("day", models.DateField(primary_key=True, serialize=False))],
        ),
        migrations.RunSQL(ENDED + ANEW, ASKED + ANEW),
        migrations.RunSQL(reached("AND r.created_at < at AND r.finished_at < at"), reached("")),
    ]
