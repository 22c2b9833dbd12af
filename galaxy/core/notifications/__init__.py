"""Telling people: what concerns them in a workspace, in the console and, where they chose so, by mail.

kinds.py holds what can be told and how an object is found again; sending.py writes the rows; reading.py is what the
page shows; mailing.py carries news out; keeping.py deletes what is old. A floor that has news calls ``notify`` in the
transaction of the change, and registers its kinds and targets when its app is ready.
"""

from galaxy.core.notifications.kinds import Kind, Place, add_kind, add_target
from galaxy.core.notifications.sending import notify, settle, take_back

__all__ = ["Kind", "Place", "add_kind", "add_target", "notify", "settle", "take_back"]
