"""What the vault refuses, in words for the person it stands in front of. No text here ever holds a value."""

from galaxy.core.errors import Conflict, DomainError


class VaultClosed(DomainError):
    """This process was given no root key, and nobody who has one answers."""

    status = 503
    code = "vault_closed"
    next_step = "Start sandboxd, the one process that is given the root key, then try again."


class CannotOpen(DomainError):
    """What is stored does not open: another key, another row, or changed bytes. Says no more than that, on purpose."""

    status = 500
    code = "cannot_open"
    next_step = "Store the value anew; an operator finds in docs/vault.md what can have happened."


class KeyDestroyed(CannotOpen):
    """The key that this was sealed with is destroyed, for good."""

    status = 410
    code = "key_destroyed"


class SecretGone(DomainError):
    """There is no value to open: nothing is current, or everything was shredded."""

    status = 410
    code = "secret_gone"
    next_step = "Store the secret anew."


class LeaseRefused(DomainError):
    """The lease opens nothing: unknown, used before, or over."""

    status = 403
    code = "lease_refused"
    next_step = "Ask for another lease; each is good once, for a minute at most."


class WrongStage(Conflict):
    """A rotation moves from stage to stage, and this one is not next."""

    code = "wrong_stage"
