"""Successful outcomes of a workspace by week (WSAO), who made them, and what each cost.

Counted is what ``Outcome.objects.counting()`` says: reached by a live run, and not undone since. A week begins on
Monday, 00:00 UTC. docs/observability.md tells the rules.
"""

from sandbox.outcomes.weeks import counting_in, wsao

__all__ = ["counting_in", "wsao"]
