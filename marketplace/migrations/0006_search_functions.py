"""The functions of PostgreSQL that the search stands on (docs/search.md).

``marketplace_vector`` is what is kept of a listing: words as they are and their English stems, weighted by where they
stand, and the tags of the facets as words of their own.

``marketplace_understood`` turns words into four queries: found anywhere, in the name, in name or summary, in those or
in what it does. Each word stands for itself, its English stem, and the most frequent words that it begins.

``marketplace_found`` gathers what is ranked. Ranking every hit of a common word takes long at a hundred thousand
listings, so it goes down the tiers of popularity until it has ``enough``, then further down for those that have all
words in their name, and last for the one that is called exactly so. A rare word reaches the last tier and misses
nothing; what lies below the tiers where it stopped comes on later pages, from tier ``first`` on. The last row has no
listing: it says how far it came.

``marketplace_in_order`` is for orders that have nothing to do with words: few hits are sorted, many are met often
enough by walking along the index of the order. PostgreSQL cannot know which, so they are counted and it is told.
"""

from django.db import migrations

VECTOR = """
CREATE FUNCTION marketplace_vector(name text, told text, doing text, publisher text, tags text[]) RETURNS tsvector
LANGUAGE sql STABLE AS $$
    -- A word between the parts that is taken out again, so that no phrase reaches from one into the next.
    SELECT ts_delete(
        setweight(to_tsvector('simple', name || ' partend'), 'A')
        || setweight(to_tsvector('english', name || ' partend'), 'A')
        || setweight(to_tsvector('simple', told || ' partend'), 'B')
        || setweight(to_tsvector('english', told || ' partend'), 'B')
        || setweight(to_tsvector('simple', doing || ' partend'), 'C')
        || setweight(to_tsvector('english', doing || ' partend'), 'C')
        || to_tsvector('simple', publisher || ' partend') || to_tsvector('english', publisher),
        'partend') || array_to_tsvector(tags)
$$
"""
UNDERSTOOD = r"""
CREATE FUNCTION marketplace_understood(words text[], phrases text[]) RETURNS tsquery[]
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    typed text;
    stem text;
    beginning text[];
    phrase text;
    place int;
    weights text[] := ARRAY['', ':A', ':AB', ':ABC'];
    found tsquery[] := ARRAY['', '', '', '']::tsquery[];
BEGIN
    FOREACH typed IN ARRAY words LOOP
        stem := (tsvector_to_array(to_tsvector('english', typed)))[1];
        CONTINUE WHEN stem IS NULL AND cardinality(words) > 1;  -- "the" and "of" are in everything
        beginning := ARRAY(
            SELECT w.word FROM marketplace_word w
            WHERE w.word > typed COLLATE "C" AND w.word < (typed || U&'\FFFF') COLLATE "C"
            ORDER BY w.documents DESC, w.word LIMIT 48
        );
        FOR place IN 1..4 LOOP
            found[place] := found[place] && (
                SELECT string_agg(quote_literal(one) || weights[place], '|')
                FROM unnest(ARRAY[typed, stem] || beginning) one WHERE one IS NOT NULL
            )::tsquery;
        END LOOP;
    END LOOP;
    FOREACH phrase IN ARRAY phrases LOOP
        FOR place IN 1..4 LOOP
            found[place] := found[place] && phraseto_tsquery('simple', phrase);
        END LOOP;
    END LOOP;
    RETURN found;
END $$
"""
FOUND = """
CREATE FUNCTION marketplace_found(
    wanted tsquery, named tsquery, key text, chosen tsquery, first int, named_to int, enough int
) RETURNS TABLE (listing_id uuid, upto int, named_upto int)
LANGUAGE plpgsql STABLE ROWS 200 SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    at int := first;
    reached int := named_to;
    rows int := 0;
    more int;
BEGIN
    LOOP
        RETURN QUERY SELECT e.listing_id, NULL::int, NULL::int FROM marketplace_publicentry e
            WHERE e.search @@ (wanted && ('''=t:' || at || '''')::tsquery)
            AND (first = 1 OR NOT (at <= named_to AND e.search @@ named) AND e.name_key <> key);
        GET DIAGNOSTICS more = ROW_COUNT;
        rows := rows + more;
        EXIT WHEN rows >= enough OR at >= 6;
        at := at + 1;
    END LOOP;
    IF first = 1 AND numnode(named) > 0 THEN
        reached := at;
        rows := 0;
        WHILE reached < 6 AND rows < enough LOOP
            reached := reached + 1;
            RETURN QUERY SELECT e.listing_id, NULL::int, NULL::int FROM marketplace_publicentry e
                WHERE e.search @@ (named && chosen && ('''=t:' || reached || '''')::tsquery);
            GET DIAGNOSTICS more = ROW_COUNT;
            rows := rows + more;
        END LOOP;
        RETURN QUERY SELECT e.listing_id, NULL::int, NULL::int FROM marketplace_publicentry e
            WHERE e.name_key = key AND e.tier > reached AND (numnode(chosen) = 0 OR e.search @@ chosen);
    END IF;
    RETURN QUERY SELECT NULL::uuid, at, reached;
END $$
"""
IN_ORDER = """
CREATE FUNCTION marketplace_in_order(
    wanted tsquery, by text, back boolean, after text, after_name text, after_id uuid, at_most int
) RETURNS TABLE (listing_id uuid)
LANGUAGE plpgsql ROWS 25 SET search_path = public, pg_temp SET enable_seqscan = off
SET enable_bitmapscan = on SET enable_indexscan = on AS $$
DECLARE
    columns text;
    place text;
    descends boolean := by IN ('newest', 'used');
BEGIN
    CASE by
        WHEN 'name' THEN columns := 'e.name_key, e.listing_id'; place := '$2::varchar, $4';
        WHEN 'newest' THEN columns := 'e.published_at, e.listing_id'; place := '$2::timestamptz, $4';
        WHEN 'used' THEN columns := 'e.installs, e.listing_id'; place := '$2::int, $4';
        WHEN 'reach' THEN columns := 'e.reach, e.name_key, e.listing_id'; place := '$2::smallint, $3::varchar, $4';
    END CASE;
    IF numnode(wanted) = 0 OR (
        SELECT count(*) FROM (SELECT 1 FROM marketplace_publicentry e WHERE e.search @@ wanted LIMIT 2000) hits
    ) = 2000 THEN
        PERFORM set_config('enable_bitmapscan', 'off', true);
    ELSE
        PERFORM set_config('enable_indexscan', 'off', true);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT e.listing_id FROM marketplace_publicentry e WHERE (numnode($1) = 0 OR e.search @@ $1)%s'
        ' ORDER BY %s LIMIT $5',
        CASE WHEN after_id IS NULL THEN '' ELSE
            format(' AND (%s) %s (%s)', columns, CASE WHEN descends = back THEN '>' ELSE '<' END, place) END,
        CASE WHEN descends = back THEN columns ELSE replace(columns || ',', ',', ' DESC,') || ' 1' END
    ) USING wanted, after, after_name, after_id, at_most;
END $$
"""
# Nothing of one workspace alone comes among what all see, whatever the code that writes it forgets.
PUBLIC_ONLY = """
CREATE FUNCTION marketplace_public_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM marketplace_listing WHERE id = NEW.listing_id AND workspace_id IS NULL) THEN
        RAISE EXCEPTION 'listing % is of one workspace alone', NEW.listing_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER public_only BEFORE INSERT OR UPDATE OF listing_id ON marketplace_publicentry
    FOR EACH ROW EXECUTE FUNCTION marketplace_public_only();
CREATE TRIGGER same_owner BEFORE INSERT OR UPDATE OF extension_id ON marketplace_listing
    FOR EACH ROW EXECUTE FUNCTION registry_same_owner('registry_extension', 'extension_id', '');
CREATE TRIGGER same_owner_of_version BEFORE INSERT OR UPDATE OF version_id ON marketplace_listing
    FOR EACH ROW EXECUTE FUNCTION registry_same_owner('registry_version', 'version_id', '');
CREATE TRIGGER same_owner BEFORE INSERT OR UPDATE OF listing_id ON marketplace_card
    FOR EACH ROW EXECUTE FUNCTION registry_same_owner('marketplace_listing', 'listing_id', '');
"""
NO_MORE = """
DROP TRIGGER same_owner ON marketplace_card;
DROP TRIGGER same_owner_of_version ON marketplace_listing;
DROP TRIGGER same_owner ON marketplace_listing;
DROP TRIGGER public_only ON marketplace_publicentry;
DROP FUNCTION marketplace_public_only();
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0005_found_among_many")]

    operations = [
        migrations.RunSQL(VECTOR, "DROP FUNCTION marketplace_vector(text, text, text, text, text[])"),
        migrations.RunSQL(UNDERSTOOD, "DROP FUNCTION marketplace_understood(text[], text[])"),
        migrations.RunSQL(
            FOUND, "DROP FUNCTION marketplace_found(tsquery, tsquery, text, tsquery, int, int, int)"
        ),
        migrations.RunSQL(
            IN_ORDER, "DROP FUNCTION marketplace_in_order(tsquery, text, boolean, text, text, uuid, int)"
        ),
        migrations.RunSQL(PUBLIC_ONLY, NO_MORE),
    ]
