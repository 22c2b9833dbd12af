"""Whether what a level misses is so wherever an extension is used: counted by beat, with telemetry.

One workspace, be it a competitor's or behind a bad network, makes as many failed or slow calls as it likes; sums alone
would let it lower a level. So a bound counts as missed only where it is in three workspaces by themselves, and in all
others together whichever one is left out (marketplace_widespread, which alone sees whose calls they are).
"""

import json
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from marketplace.evidence.limits import LIMITS, WINDOW_DAYS, Measure, bound_for
from marketplace.telemetry.reading import BUDGETS_MS

_WIDESPREAD = """
INSERT INTO marketplace_widespread (version_id, measure, bound)
SELECT version_id, measure, bound FROM marketplace_widespread(%(since)s, %(until)s, %(paces)s::jsonb, %(shares)s)
"""


@transaction.atomic
def count_spread(now: datetime | None = None) -> None:
    """Count anew by the seven days before today. Safe to run twice, and at the same time."""
    today = (now or timezone.now()).astimezone(UTC).date()
    paces = {str(kind): sorted({bound_for(one, kind) for one in LIMITS if one.measure == Measure.PACE})
             for kind in BUDGETS_MS}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE marketplace_widespread IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("DELETE FROM marketplace_widespread")
        cursor.execute(
            _WIDESPREAD,
            {
                "since": today - timedelta(days=WINDOW_DAYS),
                "until": today - timedelta(days=1),
                "paces": json.dumps(paces),
                "shares": [one.bound for one in LIMITS if one.measure == Measure.SUCCESS],
            },
        )
