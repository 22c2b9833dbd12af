"""How long spans and roll-ups are kept: SPANS_KEPT_DAYS, METRICS_HOURS_KEPT_DAYS and METRICS_KEPT_DAYS.

Spans go by the month: a partition all of which is too old is taken off its table and dropped, which costs the same
however many there are. The application may not drop tables; a function of the owner does it, for spans alone and never
within a week. Runs, call records and the audit trail are not touched: those have rules of their own.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from galaxy.core.sweeps import apart
from sandbox.models import RollUp


def drop_old(now: datetime | None = None) -> int:
    """Let go what is past its time, in every workspace; returns how many months of spans and how many roll-ups."""
    return drop_old_spans() + drop_old_rollups(now or timezone.now())


def drop_old_spans() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sandbox_drop_span_months(%s)", [settings.SPANS_KEPT_DAYS])
        return cursor.fetchone()[0]


def drop_old_rollups(now: datetime) -> int:
    hours = now - timedelta(days=settings.METRICS_HOURS_KEPT_DAYS)
    days = now - timedelta(days=settings.METRICS_KEPT_DAYS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM sandbox_workspaces_with_old_figures(%s, %s)", [hours, days])
        ids = [row[0] for row in cursor.fetchall()]
    dropped = 0
    for id in ids:
        with apart("drop_old_metrics", id):
            for period, before in ((RollUp.Period.HOUR, hours), (RollUp.Period.DAY, days)):
                dropped += RollUp.objects.filter(workspace=id, period=period, start__lt=before).delete()[0]
    return dropped
