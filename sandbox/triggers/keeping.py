"""How long what came in at webhooks is kept, and what was started of it."""

from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from galaxy.core.sweeps import apart
from sandbox.models import TriggerDelivery, TriggerFiring, TriggerTally

FIGURES = timedelta(days=90)  # firings and counts


def forget_deliveries() -> int:
    """Delete deliveries, firings and counts past their time, in each workspace apart; returns how many deliveries.

    Ids of deliveries go with them, long after the time within which a signed one is taken at all.
    """
    now = timezone.now()
    before, long_before = now - timedelta(days=settings.GALAXY_KEEP_DELIVERIES_DAYS), now - FIGURES
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM sandbox_workspaces_with_old_deliveries(%s, %s)", [before, long_before])
        ids = [row[0] for row in cursor.fetchall()]
    deleted = 0
    for id in ids:
        with apart("forget deliveries", id):
            count, _ = TriggerDelivery.objects.filter(workspace=id, received_at__lt=before).delete()
            old = TriggerFiring.objects.filter(workspace=id, opened_at__lt=long_before, deliveries=None)
            old.exclude(state=TriggerFiring.State.WAITING).delete()
            TriggerTally.objects.filter(workspace=id, hour__lt=long_before).delete()
            deleted += count
    return deleted
