"""Each tier of popularity has an index of words of its own (docs/search.md).

The tier stood among the words, as one more that had to be there. An index of all listings then met the long list of a
common word or facet with the short one of the tier again and again: with 48 words that begin alike, or two facets of
half the catalogue each, at eleven milliseconds where the tier's own index takes one. PostgreSQL takes an index of some
rows only where the statement names them by a constant, so the functions ask tier by tier in so many words.

``marketplace_ranked`` stands for ``marketplace_found``, with what the statement needs of each row beside its id.
"""

from importlib import import_module

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

TIERS = range(1, 7)
found_before = import_module("marketplace.migrations.0022_rare_ones_at_once").FOUND.replace(
    "CREATE OR REPLACE FUNCTION", "CREATE FUNCTION"
)
tagged_before = import_module("marketplace.migrations.0022_rare_ones_at_once").TAGGED
more_below_before = import_module("marketplace.migrations.0017_more_below").MORE_BELOW
in_order_before = import_module("marketplace.migrations.0006_search_functions").IN_ORDER

SETTINGS = "SET search_path = public, pg_temp SET enable_seqscan = off"


def by_tier(number: str, statement: str) -> str:
    """``statement`` for the tier that the variable ``number`` holds, {tier} its constant."""
    cases = "\n".join(f"            WHEN {tier} THEN {statement.format(tier=tier)};" for tier in TIERS)
    return f"CASE {number}\n{cases}\n        END CASE;"


def replaced(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


# What is ranked comes with all that ranking, counting and joining need, so that nothing is looked up again but the cards
# of the page. How well it matches is told here, where its words are at hand.
RANKED_ROW = """RETURN QUERY SELECT e.listing_id, e.extension_id, e.sort_key, e.tags, e.quality::int,
                    CASE WHEN numnode(said) = 0 THEN '' WHEN e.name_key = key THEN 'exact'
                        WHEN e.search @@ named THEN 'name' WHEN e.search @@ told THEN 'summary'
                        WHEN e.search @@ doing THEN 'actions' ELSE 'anywhere' END, NULL::int, NULL::int
                FROM marketplace_publicentry e WHERE """
FIRST_PAGE = by_tier("at", RANKED_ROW + "e.tier = {tier} AND e.search @@ wanted")
LATER_PAGE = by_tier(
    "at",
    RANKED_ROW
    + """e.tier = {tier} AND e.search @@ wanted
                AND NOT (at <= named_to AND e.search @@ named) AND e.name_key <> key""",
)
NAMED = by_tier("reached", RANKED_ROW + "e.tier = {tier} AND e.search @@ named_and_chosen")
RANKED = f"""
CREATE FUNCTION marketplace_ranked(
    said tsquery, named tsquery, told tsquery, doing tsquery, chosen tsquery, key text,
    first int, named_to int, enough int
) RETURNS TABLE (
    listing_id uuid, extension_id uuid, sort_key varchar, tags varchar[], quality int, match text,
    upto int, named_upto int
)
LANGUAGE plpgsql STABLE ROWS 200 {SETTINGS} AS $$
DECLARE
    at int := first;
    reached int := named_to;
    rows int := 0;
    more int;
    wanted tsquery := said && chosen;
    named_and_chosen tsquery := named && chosen;
BEGIN
    LOOP
        IF numnode(wanted) = 0 THEN
            {RANKED_ROW}e.tier = at;
        ELSIF first = 1 THEN
            {FIRST_PAGE}
        ELSE  -- without those that came on pages before, for their names
            {LATER_PAGE}
        END IF;
        GET DIAGNOSTICS more = ROW_COUNT;
        rows := rows + more;
        EXIT WHEN rows >= enough OR at >= 6;
        at := at + 1;
    END LOOP;
    IF first = 1 AND at < 6 AND NOT EXISTS (SELECT FROM marketplace_publicentry e WHERE e.tier > at) THEN
        at := 6;
    END IF;
    IF first = 1 AND numnode(named) > 0 THEN
        reached := at;
        rows := 0;
        WHILE reached < 6 AND rows < enough LOOP
            reached := reached + 1;
            {NAMED}
            GET DIAGNOSTICS more = ROW_COUNT;
            rows := rows + more;
        END LOOP;
        {RANKED_ROW}e.name_key = key AND e.tier > reached AND (numnode(chosen) = 0 OR e.search @@ chosen);
    END IF;
    RETURN QUERY SELECT NULL::uuid, NULL::uuid, NULL::varchar, NULL::varchar[], NULL::int, NULL::text, at, reached;
END $$
"""
# Of what a listing has just one, that one is taken instead of looking through all its tags.
COUNTED = """SELECT array_agg(t), array_agg(n), coalesce(sum(n) FILTER (WHERE t IS NULL), 0)
            INTO some_tags, some_numbers, more FROM (
                SELECT t, count(*) AS n FROM marketplace_publicentry e, unnest(CASE sign
                    WHEN '=k:' THEN ARRAY[sign || e.kind, NULL] WHEN '=l:' THEN ARRAY[sign || e.level, NULL]
                    WHEN '=r:' THEN ARRAY[sign || e.reach, NULL] ELSE e.tags::text[] || NULL::text END) t
                WHERE {which} AND (t IS NULL OR starts_with(t, sign)) GROUP BY t) one"""
COUNTED_OF_TIER = by_tier("at", COUNTED.replace("{which}", "e.tier = {tier} AND e.search @@ wanted"))
TAGGED = f"""
CREATE FUNCTION marketplace_tagged(wanted tsquery, sign text, enough int)
RETURNS TABLE (tag text, number bigint, upto int)
LANGUAGE plpgsql STABLE ROWS 10 {SETTINGS} AS $$
DECLARE
    at int := 1;
    rows bigint := 0;
    more bigint;
    some_tags text[];
    some_numbers bigint[];
BEGIN
    LOOP  -- under no tag stands how many listings there are
        IF numnode(wanted) = 0 THEN
            {COUNTED.replace("{which}", "e.tier = at")};
        ELSE
            {COUNTED_OF_TIER}
        END IF;
        RETURN QUERY SELECT t, n, NULL::int FROM unnest(some_tags, some_numbers) one(t, n) WHERE t IS NOT NULL;
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
THERE = by_tier(
    "at",
    "IF EXISTS (SELECT 1 FROM marketplace_publicentry e WHERE e.tier = {tier} AND e.search @@ wanted)"
    " THEN RETURN true; END IF",
)
MORE_BELOW = f"""
CREATE FUNCTION marketplace_more_below(wanted tsquery, tier int) RETURNS boolean
LANGUAGE plpgsql STABLE {SETTINGS} AS $$
BEGIN
    IF numnode(wanted) = 0 THEN
        RETURN EXISTS (SELECT 1 FROM marketplace_publicentry e WHERE e.tier > $2);
    END IF;
    FOR at IN $2 + 1 .. 6 LOOP
        {THERE}
    END LOOP;
    RETURN false;
END $$
"""
# Few hits are sorted; many are met often enough by walking along the index of the order. Of ``hits`` among ``entries``
# a page of 25 is met within 25 * entries / hits, so these are many from where that is fewer than the hits themselves.
# The first tiers, a few thousand entries, tell how many there will be.
GATHER = by_tier(
    "at",
    "few := few || ARRAY(SELECT e.listing_id FROM marketplace_publicentry e"
    " WHERE e.tier = {tier} AND e.search @@ wanted LIMIT 3000)",
)
IN_ORDER = f"""
CREATE FUNCTION marketplace_in_order(
    wanted tsquery, by text, back boolean, after text, after_name text, after_id uuid, at_most int
) RETURNS TABLE (listing_id uuid)
LANGUAGE plpgsql ROWS 25 {SETTINGS} SET enable_bitmapscan = on SET enable_indexscan = on AS $$
DECLARE
    columns text;
    place text;
    descends boolean := by IN ('newest', 'used');
    entries real := (SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = 'marketplace_publicentry'::regclass);
    looked real[] := ARRAY[160, 560, 1960, 6860, 24010];  -- entries in the tiers up to each
    few uuid[] := ARRAY[]::uuid[];
    are_many boolean := numnode(wanted) = 0;
BEGIN
    CASE by
        WHEN 'name' THEN columns := 'e.name_key, e.listing_id'; place := '$2::varchar, $4';
        WHEN 'newest' THEN columns := 'e.published_at, e.listing_id'; place := '$2::timestamptz, $4';
        WHEN 'used' THEN columns := 'e.installs, e.listing_id'; place := '$2::int, $4';
        WHEN 'reach' THEN columns := 'e.reach, e.name_key, e.listing_id'; place := '$2::smallint, $3::varchar, $4';
    END CASE;
    FOR at IN 1 .. 6 LOOP
        EXIT WHEN are_many;
        {GATHER}
        are_many := cardinality(few) >= 3000
            OR (at > 3 AND cardinality(few) ^ 2 > 25 * (looked[at] ^ 2) / greatest(entries, looked[at]));
    END LOOP;
    IF are_many THEN
        PERFORM set_config('enable_bitmapscan', 'off', true);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT e.listing_id FROM marketplace_publicentry e WHERE %s%s ORDER BY %s LIMIT $5',
        CASE WHEN are_many THEN '(numnode($1) = 0 OR e.search @@ $1)' ELSE 'e.listing_id = ANY($6)' END,
        CASE WHEN after_id IS NULL THEN '' ELSE
            format(' AND (%s) %s (%s)', columns, CASE WHEN descends = back THEN '>' ELSE '<' END, place) END,
        CASE WHEN descends = back THEN columns ELSE replace(columns || ',', ',', ' DESC,') || ' 1' END
    ) USING wanted, after, after_name, after_id, at_most, few;
END $$
"""
# The owner of the tables stands behind the wall of private entries like everybody, but for these statements.
OPEN = "ALTER TABLE marketplace_privateentry NO FORCE ROW LEVEL SECURITY;"
SHUT = ";ALTER TABLE marketplace_privateentry FORCE ROW LEVEL SECURITY;"
TAKE = "UPDATE {table} SET search = ts_delete(search, '=t:' || tier)"
ADD = "UPDATE {table} SET search = search || array_to_tsvector(ARRAY['=t:' || tier])"
FOUND_TAKES = "tsquery, tsquery, text, tsquery, int, int, int"
RANKED_TAKES = "tsquery, tsquery, tsquery, tsquery, tsquery, text, int, int, int"
TABLES = ("marketplace_publicentry", "marketplace_privateentry")


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0023_told_when_over")]

    operations = [
        *(
            migrations.RunSQL(OPEN + TAKE.format(table=table) + SHUT, OPEN + ADD.format(table=table) + SHUT)
            for table in TABLES
        ),
        migrations.RemoveIndex("publicentry", "entry_search"),
        *(
            migrations.AddIndex(
                "publicentry",
                GinIndex(
                    fields=["search"], condition=models.Q(tier=tier), fastupdate=False, name=f"entry_search_{tier}"
                ),
            )
            for tier in TIERS
        ),
        migrations.AddIndex("publicentry", models.Index(fields=["tier"], name="entry_by_tier")),
        migrations.RunSQL(RANKED, f"DROP FUNCTION marketplace_ranked({RANKED_TAKES})"),
        migrations.RunSQL(f"DROP FUNCTION marketplace_found({FOUND_TAKES})", found_before),
        migrations.RunSQL(replaced(TAGGED), replaced(tagged_before)),
        migrations.RunSQL(replaced(MORE_BELOW), replaced(more_below_before)),
        migrations.RunSQL(replaced(IN_ORDER), replaced(in_order_before)),
    ]
