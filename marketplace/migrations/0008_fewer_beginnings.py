"""One or two letters begin too many words: the twelve most frequent of them stand for all (docs/search.md)."""

from django.db import migrations

UNDERSTOOD = r"""
CREATE OR REPLACE FUNCTION marketplace_understood(words text[], phrases text[]) RETURNS tsquery[]
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
            ORDER BY w.documents DESC, w.word LIMIT CASE WHEN length(typed) < 3 THEN 12 ELSE 48 END
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


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0007_figures_of_listings")]

    operations = [
        migrations.RunSQL(UNDERSTOOD, UNDERSTOOD.replace("CASE WHEN length(typed) < 3 THEN 12 ELSE 48 END", "48"))
    ]
