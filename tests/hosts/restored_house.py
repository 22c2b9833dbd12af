"""What is done in a restored Galaxy, as a process of its own that knows nothing of the old one.

    python -m tests.hosts.restored_house knock          rings for all runs that nobody works on
    python -m tests.hosts.restored_house look FOLDER    lets what was open be worked at, and says what came of it

Prints JSON.
"""

import json
import sys
from io import StringIO
from pathlib import Path

import django


def knock() -> dict:
    from sandbox.services import reconcile

    return {"rang": reconcile()}


def look(folder: Path) -> dict:
    from django.core.management import call_command
    from django.db import DatabaseError, connection, transaction

    from galaxy.core.management.workspaces import workspaces_named
    from galaxy.core.models import AuditEvent, Secret, User, Workspace
    from galaxy.core.scope import workspace_scope
    from galaxy.core.vault.opening import open_version
    from policies.models import Approval
    from sandbox.models import Run
    from sandbox.services import approval_was_decided, invoke, perform
    from tests.approving import approve

    found: dict = {"without scope": [Workspace.objects.count(), Run.objects.count(), AuditEvent.objects.count()]}
    workspace = next(workspaces_named(["meridian"]))
    with workspace_scope([workspace.pk]):
        runs = Run.objects.filter(rehearses=None).order_by("created_at")  # what was tried for reviewers is beside it
        for run in runs:
            perform(run.pk)
        found["runs"] = {run.inputs["key"]: [run.state, (run.error or {}).get("error_code")] for run in runs.all()}
        found["unused"] = Approval.objects.filter(status__in=["pending", "approved"], consumed_at=None).count()
        secret = Secret.objects.get()
        found["secret"] = open_version(secret.versions.select_related("key", "secret").get()).value
        admin, approver = (User.objects.get(name__startswith=f"{name} ") for name in ("Admin", "Approver"))
        again = invoke(workspace, actor=admin, target="ledger.drop", inputs={"key": "again"})
        approve(again.approval, approver)
        approval_was_decided(Approval.objects.get(pk=again.approval_id))
        perform(again.pk)
        again.refresh_from_db()
        found["again"] = again.state
        found["refused"] = 0
        for sql in ("UPDATE core_auditevent SET action = 'x'", "DELETE FROM core_auditevent", "CREATE TABLE t (i int)"):
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(sql)
            except DatabaseError:
                found["refused"] += 1
    said = StringIO()
    call_command("sequencer", once=True, stdout=said)
    call_command("audit", "verify", stdout=said)
    call_command("audit", "export", "--workspace", "meridian", "-o", str(folder / "pack"), stdout=said)
    return found | {"said": said.getvalue()}


def main() -> None:
    django.setup()
    act, *words = sys.argv[1:]
    print(json.dumps({"knock": knock, "look": look}[act](*map(Path, words))))  # noqa: T201  (the answer)


if __name__ == "__main__":
    main()
