"""A rollback while a hundred runs are under way: each ends on the version it began with, and the next uses the old one.

Real parts: PostgreSQL, Valkey, and Celery workers as processes of their own.
"""

import pytest

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from registry.rollback.checks import checks_of
from registry.rollback.services import roll_back
from registry.services import install, move_pin
from sandbox.models import CallRecord, Run
from sandbox.services import invoke
from tests.extensions import PROBE, publish
from tests.sandbox.test_kill import until

RUNS = 100


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_each_run_under_way_ends_on_one_digest_and_the_next_uses_the_old_one(cast, workers):
    workspace, admin = cast["meridian"], cast["admin"]
    old, new = publish(PROBE), publish(PROBE.replace("version: 1.0.0", "version: 1.1.0"))
    with workspace_scope([workspace.pk]):
        probe = install(workspace, old.extension, version=old, actor=admin)
        move_pin(probe, version=new, actor=admin)
        probe.refresh_from_db()
        begun = [
            invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": f"k{number}"}, simulate=True)
            for number in range(RUNS)
        ]
        workers.start()
        workers.start()
        ended = Run.objects.filter(pk__in=[run.pk for run in begun], finished_at__isnull=False)
        until(lambda: ended.count() >= 5)  # in the middle: some are over, some run, most stand in line
        point = next(check for check in checks_of(probe, old, admin) if check.code == "runs")
        assert "under way finish" in point.title
        roll_back(probe, version=old, actor=admin, reason="Answers late.")
        assert ended.count() < RUNS  # it was under load indeed
        after = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "after"}, simulate=True)
        until(lambda: ended.count() == RUNS and Run.objects.get(pk=after.pk).is_final, reconciling=True)

        assert set(ended.values_list("state", "version_digest")) == {("succeeded", new.digest)}
        records = CallRecord.objects.filter(run__in=begun)
        assert records.count() == RUNS
        assert set(records.values_list("version_digest", flat=True)) == {new.digest}
        assert Run.objects.get(pk=after.pk).version_digest == old.digest
        assert CallRecord.objects.get(run=after).version_digest == old.digest
        assert AuditEvent.objects.filter(action="run.succeeded").count() == RUNS + 1
        assert AuditEvent.objects.filter(action="pin.rolled_back").count() == 1
