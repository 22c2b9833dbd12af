"""What becomes of an account, for whoever looks into it later: changes in the trail, failed sign-ins in the log."""

from functools import partial
from typing import Any

import structlog
from allauth.account import signals
from allauth.account.models import EmailAddress
from django.contrib.auth.signals import user_login_failed

from galaxy.core.accounts import record_everywhere
from galaxy.core.models import User
from galaxy.core.ops.request_log import user_hash

log = structlog.get_logger("galaxy.accounts")
CHANGES = {
    "password.changed": signals.password_changed,
    "password.set": signals.password_set,
    "password.reset": signals.password_reset,
    "address.added": signals.email_added,
    "address.confirmed": signals.email_confirmed,
    "address.changed": signals.email_changed,
    "address.removed": signals.email_removed,
}


def connect() -> None:
    user_login_failed.connect(_note_failure, dispatch_uid="galaxy-sign-in-failed")
    for action, signal in CHANGES.items():
        signal.connect(partial(_record, action), weak=False, dispatch_uid=f"galaxy-{action}")


def _record(action: str, *, user: User | None = None, email_address: EmailAddress | None = None, **kwargs: Any) -> None:
    """Without the address itself: the trail is read by a workspace, and may outlive the account."""
    person = user or (email_address.user if email_address else None)
    if person is not None:
        record_everywhere(action, person)


def _note_failure(credentials: dict[str, Any], **kwargs: Any) -> None:
    """One line, by a hash that ties the attempts on one account together.

    It asks nothing of the database: how long the answer takes must not tell whether there is such an account.
    """
    typed = str(credentials.get("email") or credentials.get("username") or "")
    log.warning("sign_in.failed", account=user_hash(typed.strip().lower()))
