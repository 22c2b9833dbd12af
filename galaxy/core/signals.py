"""News of floor 0 for higher floors, sent after the commit."""

from django.dispatch import Signal

# Sent with ``workspace``, ``user`` (who is in it no more) and ``actor`` (who ended it, perhaps the same person).
member_removed = Signal()

# Sent with ``workspace`` and ``role`` (a word of Role, or the id of a role of the workspace's own, as text) once one of
# its people has it no more: they moved to another, or left.
role_left = Signal()
