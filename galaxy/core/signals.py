"""News of floor 0 for higher floors, sent after the commit."""

from django.dispatch import Signal

# Sent with ``workspace``, ``user`` (who is in it no more) and ``actor`` (who ended it, perhaps the same person).
member_removed = Signal()

# Sent with ``workspace`` and ``role`` (a word of Role, or the id of a role of the workspace's own, as text) once one of
# its people has it no more: they moved to another, or left.
role_left = Signal()

# Sent with ``workspace``, in its scope and in one transaction with what floor 0 does, after a backup was restored and
# while nobody works: a receiver ends what might have gone on after the backup was made, and returns {what: how many}.
workspace_restored = Signal()
