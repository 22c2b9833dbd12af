"""News for higher floors, sent after the commit."""

from django.dispatch import Signal

# Sent with ``approval`` (as stored) once it is approved, rejected, expired or withdrawn.
approval_decided = Signal()
