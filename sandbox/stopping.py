"""Versions that may not run here any more: refused before they begin, and ended where they are under way.

Asked of the rows that a call reads anyway when it is admitted and claimed, of the run once more before each retry and
each step, and by sandboxd before each exchange and while one goes on (sandbox.sandboxd.watching).
"""

from datetime import datetime

from galaxy.core.models import Workspace
from registry.models import Installation, Version
from registry.services.quarantining import is_stopped, reason_of
from sandbox.errors import RunError
from sandbox.models import Category, Run

CODE, PAUSED, YANKED = "quarantined", "paused", "version_yanked"
NEXT_STEP = "Move it to another version, or wait until the marketplace has looked into it."


def refusal_of(version: Version, installation: Installation, workspace: Workspace) -> RunError | None:
    """Why nothing of ``version`` runs in ``workspace`` now; None where it does. By the rows that are at hand."""
    if is_stopped(version, workspace):
        reason = reason_of(version)
        told = f": “{reason}”" if reason else "."
        sentence = f"{version} is in quarantine, so nothing of it runs{told}"
        return RunError(Category.POLICY_BLOCK, CODE, sentence=sentence, next_step=NEXT_STEP)
    if installation.paused_at:
        return RunError(
            Category.POLICY_BLOCK,
            PAUSED,
            sentence=f"{installation} is paused. {installation.paused_reason}",
            next_step="Move it to another version on its page.",
        )
    return None


def require_going(run: Run, since: datetime | None = None) -> None:
    """Whether ``run`` may go on at this moment; raises RunError. One query, for what takes longer.

    With ``since``, what was yanked after that does not go on either (``yanked_since``).
    """
    rows = Run.objects.filter(pk=run.pk).select_related("workspace", "installation__extension", "version__extension")
    now = rows.defer("version__manifest").first()
    if now and (error := refusal_of(now.version, now.installation, now.workspace)):
        raise error
    if now and since and (error := yanked_since(now.version, since)):
        raise error


def yanked_since(version: Version, since: datetime) -> RunError | None:
    """Why the run of a pack that began at ``since`` does not go on with ``version``; None where it does.

    What is yanked goes on where it is held: whoever runs it then knows. Whoever began before is told first.
    """
    if version.yanked_at is None or version.yanked_at <= since:
        return None
    told = f": “{version.yank_reason}”" if version.yank_reason else "."
    return RunError(
        Category.POLICY_BLOCK,
        YANKED,
        sentence=f"{version} was yanked while this ran, so it went no further{told}",
        next_step="Move it to another version, or retry from the failed step to go on with this one.",
    )
