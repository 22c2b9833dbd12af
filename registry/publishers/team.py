"""Who acts for a publisher."""

from galaxy.core.models import User
from registry.models import Publisher, PublisherMember


def is_manager(user: User, publisher: Publisher) -> bool:
    return publisher.team.filter(user=user, role=PublisherMember.Role.MANAGER).exists()


def is_of_team(user: User, publisher: Publisher) -> bool:
    """Whether ``user`` may publish for it, and so reviews nothing of it."""
    return publisher.team.filter(user=user).exists()
