"""Contract tests as people ask for them: of a draft while it is written, and of what is installed, in its workspace."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from marketplace.evidence.models import TestRun
from marketplace.evidence.proving import keep
from marketplace.workshop.drafts import MAY_WRITE, checked_of
from marketplace.workshop.models import Draft
from registry.manifests import Manifest, version_digest
from registry.models import Installation
from sandbox.contract_tests import generate, run_tests

MAY_TEST_HERE = "core.install_extension"
LOST_AFTER = timedelta(minutes=10)  # a run of tests that says nothing for so long was killed, and may be asked anew
KEPT = 20  # of one draft or installation


class NothingToTest(Conflict):
    code = "nothing_to_test"
    next_step = "Correct what is open first; the findings say where."


class UnderWay(Conflict):
    code = "tests_under_way"
    next_step = "Wait until they are done; it takes seconds."


@transaction.atomic
def ask_tests(draft: Draft, *, actor: User) -> TestRun:
    """Have the saved text and files of a draft tested, after the commit. Raises NotGranted, NothingToTest, UnderWay."""
    require(actor, MAY_WRITE, draft.workspace)
    checked = checked_of(draft)
    if checked.manifest is None:
        raise NothingToTest("The text has errors, so there is nothing to test.")
    digest = version_digest(checked.manifest, checked.files)
    total = len(generate(checked.manifest, checked.files))
    run = _asked(draft.workspace, actor, digest, total, draft=draft)
    audit.record("draft.tested", actor=actor, target=draft, after={"digest": digest, "tests": total})
    return run


@transaction.atomic
def ask_tests_here(installation: Installation, *, actor: User) -> TestRun:
    """Have the pinned version of an installation tested in its own workspace (F110). Raises NotGranted or UnderWay."""
    require(actor, MAY_TEST_HERE, installation.workspace)
    version = installation.pin.version
    files = {path: bytes(content) for path, content in version.files.values_list("path", "content")}
    total = len(generate(version.parsed, files))
    run = _asked(installation.workspace, actor, version.digest, total, installation=installation)
    facts = {"version": version.number, "digest": version.digest, "tests": total}
    audit.record("installation.tested", actor=actor, target=installation, after=facts)
    return run


def perform_test_run(run_id: UUID) -> TestRun | None:
    """Do the tests of a run that waits; None where another worker has it or it is done. The workspace is in scope."""
    taken = TestRun.objects.filter(pk=run_id, state=TestRun.State.QUEUED).update(state=TestRun.State.RUNNING)
    if not taken:
        return None
    run = TestRun.objects.select_related("workspace", "draft", "installation__pin__version").get(pk=run_id)
    manifest, files = _bytes_of(run)
    if manifest is None or version_digest(manifest, files) != run.digest:
        report: dict[str, Any] = {
            "results": [],
            "passed": 0,
            "total": 0,
            "note": "The text was changed before the tests began.",
        }
    else:
        report = run_tests(
            manifest, files, workspace=run.workspace_id, on_result=lambda done, _: _tell(run_id, done)
        ).as_dict()
    with transaction.atomic():
        TestRun.objects.filter(pk=run.pk).update(
            state=TestRun.State.DONE, report=report, done=len(report["results"]), finished_at=timezone.now()
        )
        run.refresh_from_db()
        if run.installation and report["results"]:
            note = f"{report['passed']} of {report['total']} passed, simulated, without an account"
            keep(
                run.digest,
                "contract-tests",
                run.has_passed,
                note=note,
                report=report,
                version=run.installation.pin.version,
                workspace=run.workspace,
            )
    return run


def newest_of(*, draft: Draft | None = None, installation: Installation | None = None) -> TestRun | None:
    """The last run of tests of one of the two."""
    rows = TestRun.objects.select_related("asked_by", "workspace")
    if draft is not None:
        return rows.filter(workspace=draft.workspace_id, draft=draft).first()
    if installation is not None:
        return rows.filter(workspace=installation.workspace_id, installation=installation).first()
    return None


def _asked(workspace: Workspace, actor: User, digest: str, total: int, **of: Draft | Installation) -> TestRun:
    rows = TestRun.objects.filter(workspace=workspace, **of)
    since = timezone.now() - LOST_AFTER
    if rows.exclude(state=TestRun.State.DONE).filter(asked_at__gte=since).exists():
        raise UnderWay("Its tests are being run already.")
    old = rows.order_by("-asked_at").values_list("pk", flat=True)[KEPT - 1 :]
    TestRun.objects.filter(workspace=workspace, pk__in=list(old)).delete()
    run = TestRun.objects.create(workspace=workspace, digest=digest, total=total, asked_by=actor, **of)
    transaction.on_commit(partial(_ring, workspace.pk, run.pk))
    return run


def _tell(run_id: UUID, done: int) -> None:
    TestRun.objects.filter(pk=run_id).update(done=done)


def _ring(workspace: UUID, run: UUID) -> None:
    from marketplace.tasks import perform_test_run as task

    task.delay(str(workspace), str(run))


def _bytes_of(run: TestRun) -> tuple[Manifest | None, dict[str, bytes]]:
    if run.draft:
        checked = checked_of(run.draft)
        return checked.manifest, checked.files
    version = run.installation.pin.version  # type: ignore[union-attr]  # a constraint: it is of one of the two
    return version.parsed, {path: bytes(content) for path, content in version.files.values_list("path", "content")}
