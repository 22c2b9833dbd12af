"""News of floor 0 for higher floors, sent after the commit."""

from django.dispatch import Signal

# Sent with ``workspace``, ``user`` (who is in it no more) and ``actor`` (who ended it, perhaps the same person).
member_removed = Signal()
