"""What a live call that is over means to the objective of its connector. The rule is told in docs/health.md."""

from django.db import models
from django.db.models import Case, Q, Value, When


class Counts(models.TextChoices):
    GOOD = "good", "Succeeded"
    BAD = "bad", "Failed"
    CALLER = "caller", "The caller’s mistake"


_NOT_AS_DECLARED = Q(error__error_code__in=["output_mismatch", "output_not_plain"])
_NOBODY_ANSWERED = Q(error__status=None)

# In the order they are asked. PostgreSQL keeps the answer as a column of the run, whoever writes the row, so that a
# figure, the list behind it and the index under both agree. Empty: not over, simulated, a check, or no action.
_BY_ENDING = (
    When(state="succeeded", then=Value(Counts.GOOD.value)),
    When(state="cancelled", then=Value(Counts.CALLER.value)),
    When(~Q(state__in=["failed", "unknown"]), then=Value("")),
    # An answer that is not what the connector declares is no mistake of whoever asked.
    When(Q(error_category="validation") & _NOT_AS_DECLARED, then=Value(Counts.BAD.value)),
    When(error_category__in=["validation", "not_found", "policy_block"], then=Value(Counts.CALLER.value)),
    # A budget of Galaxy's own: the call never left. The other system's refusal has a status.
    When(Q(error_category__in=["rate_limit", "quota"]) & _NOBODY_ANSWERED, then=Value(Counts.CALLER.value)),
)
COUNTS_AS = Case(
    When(~Q(mode="live") | ~Q(kind="action") | Q(is_check=True), then=Value("")),
    *_BY_ENDING,
    default=Value(Counts.BAD.value),
    output_field=models.CharField(max_length=8),
)
# The same of whatever ran, transforms, packs and simulated runs among them, as roll-ups count (sandbox.metrics).
ENDED_AS = Case(*_BY_ENDING, default=Value(Counts.BAD.value), output_field=models.CharField(max_length=8))
