"""Two things that a search did over and over (docs/search.md).

``marketplace_found`` went through all tiers one by one for what is rare; where the first two hold next to nothing, the
rest is asked for at once. And what would be found were a facet not chosen is counted where it is found
(``marketplace_tagged``), as far down as ``marketplace_found`` goes, instead of row by row after it. Where all that
there is lies in the tiers looked through, as in a small catalogue, counts are exact and say so.
"""

from importlib import import_module

from django.db import migrations

before = import_module("marketplace.migrations.0006_search_functions").FOUND.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
FOUND = before.replace(
    """        at := at + 1;
    END LOOP;
    IF first""",
    """        at := at + 1;
        IF at = first + 2 AND rows < 4 THEN
            ids := ARRAY(SELECT e.listing_id FROM marketplace_publicentry e
                WHERE e.search @@ wanted AND e.tier >= at
                AND (first = 1 OR NOT (e.tier <= named_to AND e.search @@ named) AND e.name_key <> key)
                LIMIT 300);
            IF cardinality(ids) < 300 THEN  -- else it is but rare among the best
                RETURN QUERY SELECT id, NULL::int, NULL::int FROM unnest(ids) id;
                at := 6;
                EXIT;
            END IF;
        END IF;
    END LOOP;
    IF first = 1 AND at < 6 AND NOT EXISTS (SELECT FROM marketplace_publicentry e WHERE e.tier > at) THEN
        at := 6;
    END IF;
    IF first""",
).replace("    more int;\n", "    more int;\n    ids uuid[];\n", 1)
TAGGED = """
CREATE FUNCTION marketplace_tagged(wanted tsquery, sign text, enough int)
RETURNS TABLE (tag text, number bigint, upto int)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    at int := 1;
    rows bigint := 0;
    more bigint;
    tags text[];
    numbers bigint[];
BEGIN
    LOOP
        WITH hits AS MATERIALIZED (
            SELECT e.tags FROM marketplace_publicentry e
            WHERE e.search @@ (wanted && ('''=t:' || at || '''')::tsquery)
        ), counted AS (
            SELECT t, count(*) AS n FROM hits h, unnest(h.tags) t WHERE starts_with(t, sign) GROUP BY t
        )
        SELECT (SELECT count(*) FROM hits), array_agg(t), array_agg(n) FROM counted INTO more, tags, numbers;
        RETURN QUERY SELECT t, n, NULL::int FROM unnest(tags, numbers) one(t, n);
        rows := rows + more;
        EXIT WHEN rows >= enough OR at >= 6;
        at := at + 1;
    END LOOP;
    IF at < 6 AND NOT EXISTS (SELECT FROM marketplace_publicentry e WHERE e.tier > at) THEN
        at := 6;
    END IF;
    RETURN QUERY SELECT NULL::text, NULL::bigint, at;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0021_names_as_words")]

    operations = [
        migrations.RunSQL(FOUND, before),
        migrations.RunSQL(TAGGED, "DROP FUNCTION marketplace_tagged(tsquery, text, int)"),
    ]
