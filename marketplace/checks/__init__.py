"""One list of findings for one extension: what its maker is told while typing is what a reviewer reads.

``check`` is called by the editor, the API, the command line and the reviewer's page; docs/findings.md lists the codes.
"""

from marketplace.checks.codes import CODES
from marketplace.checks.context import NOBODY, Context
from marketplace.checks.listing import Checked, check

__all__ = ["CODES", "NOBODY", "Checked", "Context", "check"]
