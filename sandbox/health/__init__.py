"""Health of connectors: scheduled checks, an objective over seven days, and how an installation stands.

objective.py is the sums, reading.py what they are made of, standing.py the one word for an installation; checks.py asks
for checks, recording.py keeps what came of them; versions.py compares versions across workspaces. docs/health.md tells
the rules.
"""

from sandbox.health.connection_page import ConnectionHealth, facts_for

__all__ = ["ConnectionHealth", "facts_for"]
