"""What policies does when the floor below has news."""

from galaxy.core.signals import member_removed


def connect() -> None:
    """Subscribe once, when the app is ready."""
    member_removed.connect(_member_removed, dispatch_uid="policies.member_removed")


def _member_removed(sender, workspace, user, actor, **kwargs):
    from policies.services.approvals import withdraw_requests_of

    withdraw_requests_of(user, workspace, actor=actor)
