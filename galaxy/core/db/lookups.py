"""Lookups that PostgreSQL can answer from an index behind a wall.

Row-level security lets an index see a condition only if its operator is leakproof. ``LIKE`` and ``upper()`` are not, so
``startswith`` would read every row of the workspace; the comparisons of ``text_pattern_ops`` are.
"""

from django.db.models import CharField, IntegerField, Lookup, TextField, UUIDField, Value

_LAST = "\U0010ffff"


@CharField.register_lookup
class Prefix(Lookup):
    """``label__prefix="Hub"``: begins with exactly these characters. Needs an index with ``text_pattern_ops``."""

    lookup_name = "prefix"

    def as_sql(self, compiler, connection):
        lhs, lhs_params = self.process_lhs(compiler, connection)
        _, (text,) = self.process_rhs(compiler, connection)
        return f"({lhs} ~>=~ %s AND {lhs} ~<~ %s)", [*lhs_params, text, *lhs_params, f"{text}{_LAST}"]


@CharField.register_lookup
class Among(Lookup):
    """``digest__among="a,b,c"``: is one of the words of a text, which stand between commas and have none in them.

    One text, whatever the number of words, so that a prepared question (galaxy.core.db.prepared) can be asked so.
    """

    lookup_name = "among"

    def as_sql(self, compiler, connection):
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = self.process_rhs(compiler, connection)
        return f"{lhs} = ANY (string_to_array({rhs}, ','))", [*lhs_params, *rhs_params]


@UUIDField.register_lookup
class AmongIds(Lookup):
    """``installation__pk__among="…,…"``: the same for keys, written as text."""

    lookup_name = "among"
    kind = "uuid"

    def get_prep_lookup(self):
        return Value(self.rhs, output_field=TextField())

    def as_sql(self, compiler, connection):
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = self.process_rhs(compiler, connection)
        return f"{lhs} = ANY (string_to_array({rhs}, ',')::{self.kind}[])", [*lhs_params, *rhs_params]


@IntegerField.register_lookup
class AmongNumbers(AmongIds):
    """``permission__id__among="1,2"``: the same for keys that are numbers."""

    kind = "bigint"
