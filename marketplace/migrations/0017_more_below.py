"""Whether any tier below has a result, asked of the index as ``marketplace_found`` asks it: tier by tier.

PostgreSQL cannot tell how common a word is that it only learns while the statement runs, so it read the table.
"""

from django.db import migrations

MORE_BELOW = """
CREATE FUNCTION marketplace_more_below(wanted tsquery, tier int) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    FOR at IN tier + 1 .. 6 LOOP
        IF EXISTS (
            SELECT 1 FROM marketplace_publicentry e WHERE e.search @@ (wanted && ('''=t:' || at || '''')::tsquery)
        ) THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0016_known_names_by_one_skeleton")]

    operations = [migrations.RunSQL(MORE_BELOW, "DROP FUNCTION marketplace_more_below(tsquery, int)")]
