"""What is told across workspaces rests on three of them number by number: each category of failures, the calls that
succeeded, the mistakes of callers and each step of the histogram by those whose it is, and not by all who called.

Numbers told are sums of such cells, and cells never overlap, so no difference of two of them is anything but cells
again. A level falls by what holds in three workspaces by themselves, and in all others whichever one is left out."""

import django.db.models.deletion
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# The histogram grows coarser where a step is not three workspaces': by 2, 6, 19, 70 and 400 %.
WIDTHS = (1, 3, 9, 27, 81)


def steps() -> str:
    """Common table expressions step_1, step_3, …: cells of so many buckets, of what no finer one told."""
    parts, rest = [], "bucketed"
    for width in WIDTHS:
        parts.append(f"""step_{width} AS MATERIALIZED (
        SELECT version_id, day, bucket / {width} AS cell, sum(number) AS number FROM {rest}
        GROUP BY 1, 2, 3 HAVING count(DISTINCT workspace_id) >= 3
    ), rest_{width} AS MATERIALIZED (
        SELECT r.* FROM {rest} r WHERE NOT EXISTS (
            SELECT FROM step_{width} s
            WHERE s.version_id = r.version_id AND s.day = r.day AND s.cell = r.bucket / {width})
    )""")
        rest = f"rest_{width}"
    return ", ".join(parts)


def told_steps() -> str:
    """Each step by the bucket in its middle."""
    return " UNION ALL ".join(
        f"SELECT version_id, day, least(1200, cell * {width} + {width // 2}) AS bucket, number FROM step_{width}"
        for width in WIDTHS
    )


TOLD = f"""
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
SET ROLE {ROLLUP_ROLE};
-- Runs are looked up workspace by workspace, so that the index on the newest of each is used and nothing older is read.
CREATE OR REPLACE FUNCTION marketplace_calls(since date, until date)
RETURNS TABLE (version_id uuid, day date, workspace_id uuid, category text, counts_as text, ms float8)
LANGUAGE sql STABLE AS $$
    SELECT r.version_id, (r.created_at AT TIME ZONE 'UTC')::date, r.workspace_id, r.error_category::text,
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
    JOIN sandbox_run r ON r.workspace_id = w.id AND r.created_at >= since::timestamp AT TIME ZONE 'UTC'
        AND r.created_at < (until + 1)::timestamp AT TIME ZONE 'UTC'
    JOIN registry_version v ON v.id = r.version_id AND v.workspace_id IS NULL
    WHERE r.mode = 'live' AND NOT r.is_check AND r.rehearses_id IS NULL
$$;
CREATE OR REPLACE FUNCTION marketplace_telemetry(since date, until date)
RETURNS TABLE (version_id uuid, day date, good bigint, bad bigint, callers bigint, workspaces bigint, failing bigint,
    errors jsonb, buckets integer[], counts bigint[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH calls AS MATERIALIZED (
        SELECT c.* FROM marketplace_calls(since, until) c WHERE c.counts_as <> ''
    ), seen AS (
        SELECT c.version_id, c.day, count(*) FILTER (WHERE c.counts_as = 'good') AS good,
            count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as = 'good') AS succeeding,
            count(*) FILTER (WHERE c.counts_as = 'caller') AS callers,
            count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as = 'caller') AS mistaking,
            count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as <> 'caller') AS workspaces,
            count(DISTINCT c.workspace_id) FILTER (WHERE c.counts_as = 'bad') AS failing
        FROM calls c GROUP BY 1, 2
    ), kinds AS MATERIALIZED (
        SELECT c.version_id, c.day, c.category, count(*) AS number, count(DISTINCT c.workspace_id) AS spread
        FROM calls c WHERE c.counts_as = 'bad' GROUP BY 1, 2, 3
    ), told_kinds AS (
        SELECT k.version_id, k.day, k.category, k.number FROM kinds k WHERE k.spread >= 3
        UNION ALL
        SELECT c.version_id, c.day, 'others', count(*) FROM calls c JOIN kinds k
            ON k.version_id = c.version_id AND k.day = c.day AND k.category IS NOT DISTINCT FROM c.category
        WHERE c.counts_as = 'bad' AND k.spread < 3 GROUP BY 1, 2 HAVING count(DISTINCT c.workspace_id) >= 3
    ), errors AS (
        SELECT e.version_id, e.day, sum(e.number)::bigint AS bad, jsonb_object_agg(e.category, e.number) AS errors
        FROM told_kinds e GROUP BY 1, 2
    ), bucketed AS MATERIALIZED (
        SELECT c.version_id, c.day, c.workspace_id,
            least(1200, ceil(ln(greatest(1, c.ms)) / ln(1.02::float8)))::integer AS bucket, count(*) AS number
        FROM calls c WHERE c.counts_as IN ('good', 'bad') GROUP BY 1, 2, 3, 4
    ), {steps()}, times AS (
        SELECT b.version_id, b.day, array_agg(b.bucket ORDER BY b.bucket) AS buckets,
            array_agg(b.number ORDER BY b.bucket) AS counts
        FROM (SELECT a.version_id, a.day, a.bucket, sum(a.number)::bigint AS number FROM ({told_steps()}) a
            GROUP BY 1, 2, 3) b GROUP BY 1, 2
    )
    SELECT s.version_id, s.day, s.good, coalesce(e.bad, 0), CASE WHEN s.mistaking >= 3 THEN s.callers ELSE 0 END,
        s.workspaces, CASE WHEN s.failing >= 3 THEN s.failing ELSE 0 END, coalesce(e.errors, '{{}}'::jsonb),
        coalesce(m.buckets, '{{}}'), coalesce(m.counts, '{{}}')
    FROM seen s LEFT JOIN errors e USING (version_id, day) LEFT JOIN times m USING (version_id, day)
    WHERE s.workspaces >= 3 AND (s.succeeding >= 3 OR s.succeeding = 0 AND e.bad IS NOT NULL)
$$;
-- How many workspaces called it, in steps: what one more or one fewer of them did cannot be taken from two of those.
CREATE OR REPLACE FUNCTION marketplace_at_least(number bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT max(step) FROM unnest(ARRAY[3, 10, 30, 100, 300, 1000, 3000, 10000]) step WHERE step <= number
$$;
CREATE OR REPLACE FUNCTION marketplace_reached(at timestamptz)
RETURNS TABLE (extension_id uuid, version_id uuid, days_7 bigint, days_30 bigint, days_90 bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH last AS MATERIALIZED (
        SELECT v.extension_id, r.version_id, r.workspace_id, max(r.created_at) AS called_at
        FROM core_workspace w
        JOIN sandbox_run r ON r.workspace_id = w.id AND r.created_at >= at - interval '90 days'
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
-- Of each version the bounds that it misses in three workspaces by themselves, and in all others together whichever one
-- is left out. ``paces`` are ms by kind; ``shares`` how many of 1,000 calls have to succeed.
CREATE FUNCTION marketplace_widespread(since date, until date, paces jsonb, shares integer[])
RETURNS TABLE (version_id uuid, measure text, bound integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH calls AS MATERIALIZED (
        SELECT c.* FROM marketplace_calls(since, until) c WHERE c.counts_as IN ('good', 'bad')
    ), missed AS (
        SELECT c.version_id, c.workspace_id, 'success' AS measure, s.bound, 1000 - s.bound AS most, count(*) AS number,
            count(*) FILTER (WHERE c.counts_as = 'bad') AS over
        FROM calls c CROSS JOIN unnest(shares) AS s(bound) GROUP BY 1, 2, 4
        UNION ALL
        SELECT c.version_id, c.workspace_id, 'pace', p.bound::integer, 50, count(*),
            count(*) FILTER (WHERE c.ms > p.bound::integer)
        FROM calls c
        JOIN registry_version v ON v.id = c.version_id JOIN registry_extension x ON x.id = v.extension_id
        CROSS JOIN jsonb_array_elements_text(paces -> x.kind) AS p(bound) GROUP BY 1, 2, 4
    ), whole AS (
        SELECT m.*, sum(m.number) OVER every AS all_calls, sum(m.over) OVER every AS all_over
        FROM missed m WINDOW every AS (PARTITION BY m.version_id, m.measure, m.bound)
    )
    SELECT w.version_id, w.measure, w.bound FROM whole w GROUP BY 1, 2, 3
    HAVING count(*) FILTER (WHERE w.over * 1000 > w.number * w.most) >= 3
        AND bool_and((w.all_over - w.over) * 1000 > (w.all_calls - w.number) * w.most)
$$;
REVOKE ALL ON FUNCTION marketplace_calls(date, date), marketplace_widespread(date, date, jsonb, integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION marketplace_widespread(date, date, jsonb, integer[]) TO {APP_ROLE};
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};

-- Counted anew by the rule above, as far back as pages look.
DELETE FROM marketplace_versionday;
DELETE FROM marketplace_reached;
"""
NO_MORE = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION marketplace_widespread(date, date, jsonb, integer[]);
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0017_more_below")]

    operations = [
        migrations.CreateModel(
            name="Widespread",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("measure", models.CharField(max_length=8)),
                ("bound", models.PositiveIntegerField()),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.version",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("version", "measure", "bound"), name="widespread_once"),
                ],
            },
        ),
        migrations.RunSQL(TOLD, NO_MORE),
    ]
