"""Values for the egress broker: each secret of a run is opened by its lease, when it is first sent or signs."""

from collections.abc import Mapping
from uuid import UUID

from galaxy.core.egress.refusals import Refused
from galaxy.core.errors import DomainError
from galaxy.core.vault.errors import CannotOpen, LeaseRefused, SecretGone, VaultClosed
from galaxy.core.vault.opening import OpenSecret
from galaxy.core.vault.services.leases import Terms, open_lease, terms_of


class LeasedSecrets:
    """A SecretSource (galaxy.core.egress) for one run. ``leases`` maps the name that the code uses to a lease's token.

    A lease of another run opens nothing, and neither does one of another workspace where ``workspace`` is given.
    A secret is opened at most once, so that a run has one event for each secret it used; what it was bound to then is
    what holds for the run.
    """

    def __init__(self, leases: Mapping[str, str], *, run_id: str, workspace: UUID | None = None):
        self._leases = dict(leases)
        self._run_id, self._workspace = run_id, workspace
        self._terms: dict[str, Terms] = {}
        self._opened: dict[str, OpenSecret] = {}

    def __repr__(self) -> str:
        return f"LeasedSecrets({', '.join(sorted(self._leases))})"

    def open(self, name: str, *, host: str, purpose: str) -> str:
        """The value, for ``host`` or, where that is empty, for signing. Raises Refused."""
        bounds = self._bounds(name)
        if host and host not in bounds.hosts:
            raise _not_bound(name, host)
        opened = self._opened.get(name)
        if opened is None:
            try:
                opened = self._opened[name] = open_lease(self._token(name), host=host, use=purpose)
            except (VaultClosed, LeaseRefused, SecretGone, CannotOpen) as error:
                raise _unusable(name, error) from None
            if host and host not in opened.hosts:  # switched to a value for other hosts since the terms were read
                raise _not_bound(name, host)
        return opened.value

    def bound_hosts(self, name: str) -> tuple[str, ...]:
        return self._bounds(name).hosts

    def places(self, name: str) -> tuple[str, ...]:
        return self._bounds(name).places

    def _bounds(self, name: str) -> Terms | OpenSecret:
        if opened := self._opened.get(name):
            return opened
        if name not in self._terms:
            try:
                terms = terms_of(self._token(name))
                if terms.run_id != self._run_id or self._workspace not in (None, terms.workspace_id):
                    raise LeaseRefused("This lease was given for another run.")
            except (LeaseRefused, SecretGone) as error:
                raise _unusable(name, error) from None
            self._terms[name] = terms
        return self._terms[name]

    def _token(self, name: str) -> str:
        if name not in self._leases:
            raise Refused("secret_not_bound", f"This run has no secret {name:.60}.")
        return self._leases[name]


def _not_bound(name: str, host: str) -> Refused:
    return Refused("secret_not_bound", f"The secret {name:.60} may not be sent to {host:.253}.")


def _unusable(name: str, error: DomainError) -> Refused:
    return Refused("secret_unusable", f"The secret {name:.60} could not be opened: {error}")
