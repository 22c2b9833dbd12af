"""News for higher floors, sent after the commit."""

from django.dispatch import Signal

# Both are sent with ``installation`` (as stored, with its pin where it has one) and ``actor``.
installation_removed = Signal()
pin_moved = Signal()
