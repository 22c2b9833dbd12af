"""REST actions as data: what a manifest and inputs become on the wire, and what an answer becomes.

Nothing here opens a connection, knows a secret or needs Django. The same manifest and inputs give the same bytes, so
that a request can be compared with what a vendor's own client sends. docs/live-calls.md tells the whole of it.
"""

from sandbox.rest.failures import BadCall
from sandbox.rest.pages import following, items_of, most_pages
from sandbox.rest.reply import Answer, has_acted, outputs_of, read
from sandbox.rest.request import Prepared, build, hosts_of, shown_address

__all__ = [
    "Answer",
    "BadCall",
    "Prepared",
    "build",
    "following",
    "has_acted",
    "hosts_of",
    "items_of",
    "most_pages",
    "outputs_of",
    "read",
    "shown_address",
]
