"""Verifying a trail against its own tree, and the tree against what was signed and copied outside the database.

Everything is computed again: each leaf from its event, each root from the leaves, each value's commitment, each
signature. Roots are computed at the size of every checkpoint from one and the same leaves, so every checkpoint is
consistent with every later one or is named.
"""

from pathlib import Path

from galaxy.core.audit.verifying.heads import Heads
from galaxy.core.audit.verifying.report import KINDS, Finding, Progress, Report
from galaxy.core.audit.verifying.rows import Rows
from galaxy.core.models import Workspace

__all__ = ["KINDS", "Finding", "Report", "verify"]


def verify(workspace: Workspace, directory: Path | None, *, progress: Progress = lambda done, total: None) -> Report:
    """Verify the trail of ``workspace``, which must be in scope, with the copies of checkpoints in ``directory``.

    Without a directory the database alone is looked at, which cannot tell that all of it was replaced. ``progress`` is
    told (leaves done, of how many). Raises OSError where the copy cannot be read.
    """
    report = Report()
    # A leaf and what is signed over it come at once, so how far the leaves go is looked at first: what is sealed in
    # between is signed more than is asked for, and not a leaf that nobody signed.
    rows = Rows(workspace.pk, report, progress)
    heads = Heads(workspace.pk, directory, report)
    heads.compare()
    for signed in heads:
        rows.compare(signed)
    rows.finish()
    report.findings.sort(key=lambda finding: finding.position)
    return report
