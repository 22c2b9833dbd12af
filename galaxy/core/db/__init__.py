"""How Galaxy uses PostgreSQL: the backend that carries the row-level scope, and migration operations for walls."""
