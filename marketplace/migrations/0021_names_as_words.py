"""The words of a name stand in ``search`` once more as words of their own, ``=n:word``, and near words are looked up in
their index (docs/search.md).

An index does not know weights: for a word that stands in many summaries and few names, PostgreSQL read every listing
that has it to see where it stands. And it thought the few thousand words cheaper to read than their index, at 40 ms.
"""

from importlib import import_module

from django.db import migrations

before = import_module("marketplace.migrations.0006_search_functions")
understood_before = import_module("marketplace.migrations.0008_fewer_beginnings").UNDERSTOOD

VECTOR = before.VECTOR.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace(
    "|| array_to_tsvector(tags)",
    """|| array_to_tsvector(tags) || array_to_tsvector(ARRAY(
            SELECT DISTINCT '=n:' || lexeme
            FROM unnest(to_tsvector('simple', name) || to_tsvector('english', name))))""",
)
UNDERSTOOD = understood_before.replace(
    "SELECT string_agg(quote_literal(one) || weights[place], '|')",
    """SELECT string_agg(
                    CASE WHEN place = 2 THEN quote_literal('=n:' || one) ELSE quote_literal(one) || weights[place] END,
                    '|')""",
)
NEAR = """
CREATE FUNCTION marketplace_near(pieces text[]) RETURNS TABLE (word varchar, documents int)
LANGUAGE sql STABLE ROWS 20 SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    SELECT w.word, w.documents FROM marketplace_word w WHERE w.shortened && pieces::varchar(60)[]
$$
"""
ADD = """
UPDATE {table} SET search = search || array_to_tsvector(ARRAY(
    SELECT '=n:' || lexeme FROM unnest(search) WHERE 'A' = ANY(weights)))
"""
TAKE = """
UPDATE {table} SET search = ts_delete(search, ARRAY(
    SELECT lexeme FROM unnest(search) WHERE starts_with(lexeme, '=n:')))
"""
# The owner of the tables stands behind the wall of private entries like everybody, but for these statements.
OPEN = "ALTER TABLE marketplace_privateentry NO FORCE ROW LEVEL SECURITY;"
SHUT = ";ALTER TABLE marketplace_privateentry FORCE ROW LEVEL SECURITY;"
TABLES = ("marketplace_publicentry", "marketplace_privateentry")


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0020_speaking_for_the_shipped")]

    operations = [
        migrations.RunSQL(VECTOR, before.VECTOR.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
        migrations.RunSQL(UNDERSTOOD, understood_before),
        migrations.RunSQL(NEAR, "DROP FUNCTION marketplace_near(text[])"),
        *(migrations.RunSQL(OPEN + ADD.format(table=table) + SHUT, OPEN + TAKE.format(table=table) + SHUT)
          for table in TABLES),
    ]
