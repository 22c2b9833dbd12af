"""News for higher floors, sent after the commit."""

from django.dispatch import Signal

# Both are sent with ``installation`` as stored, the first with ``actor`` too.
installation_removed = Signal()
pin_moved = Signal()
# Sent with ``publisher`` as stored, whose name is proven since, or is not any more.
proof_changed = Signal()
# Sent with ``version`` once it may be installed no more, or again.
installable_changed = Signal()
