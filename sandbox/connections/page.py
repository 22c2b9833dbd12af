"""What the pages of connections show, read in a fixed number of queries."""

from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import User
from galaxy.core.permissions import Denied, can, why_not
from registry.manifests import Manifest, scopes
from registry.models import AppRegistration, Connection, Installation
from registry.services import verified_manifest
from registry.services.credentials import TOKEN_TYPES, api_host, auth_of, endpoint_hosts, hosts_of, needs_app
from sandbox.connections.forms import kind_of
from sandbox.connections.permissions import OWN, SHARED, why_not_yours
from sandbox.models import Run
from sandbox.oauth.failures import FAILURES, step_after
from sandbox.services.held import held_runs

KINDS = {
    "consent": "Signing in at {vendor} (OAuth 2)",
    "client": "The client of an app (OAuth 2 client credentials)",
    "key": "A signed assertion (JWT bearer)",
    "api_key": "An API key",
    "bearer": "A bearer token",
    "basic": "User name and password",
    "none": "Nothing: the vendor asks for no account",
}


MOST_HELD = 20


@dataclass(frozen=True)
class Right:
    """What the extension asks for; ``needs`` are the vendor's words for it, ``is_granted`` None where not known."""

    sentence: str
    scope: str
    needs: tuple[str, ...]
    is_granted: bool | None


class ConnectionPage:
    """One connection as ``user`` sees it; read with installation__extension, installation__pin__version, owner."""

    def __init__(self, connection: Connection, user: User):
        self.connection = connection
        self.user = user
        self.installation: Installation = connection.installation
        self.manifest: Manifest = verified_manifest(self.installation.pin.digest)

    @property
    def vendor(self) -> str:
        return str(self.installation.extension)

    @property
    def kind(self) -> str:
        return kind_of(self.manifest)

    @property
    def kind_words(self) -> str:
        return KINDS[self.kind].format(vendor=self.vendor)

    @property
    def has_tokens(self) -> bool:
        return auth_of(self.manifest)["type"] in TOKEN_TYPES

    @property
    def host(self) -> str:
        return api_host(self.manifest, self.connection.host)

    @property
    def destinations(self) -> list[str]:
        """Every host that may be sent what is entered, or what comes of it; that of the connection once it is known."""
        return hosts_of(self.manifest, self.connection.host)

    @property
    def endpoints(self) -> list[str]:
        """The hosts that are sent the secret of the app."""
        return endpoint_hosts(self.manifest)

    @property
    def is_connected(self) -> bool:
        """Connected, or to be reconnected: there is something to end."""
        return self.connection.status != Connection.Status.UNAUTHENTICATED

    @property
    def is_exhausted(self) -> bool:
        return self.connection.status == Connection.Status.EXHAUSTED

    @property
    def can_renew(self) -> bool:
        """Whether a new token could come without signing in, if asked for once more."""
        return self.has_tokens and self.is_connected and bool(self.connection.refreshed_at)

    @property
    def next_step(self) -> str:
        """What to do about the last error."""
        code = self.connection.last_error_code
        return step_after(code, is_stopped=self.is_exhausted) if code in FAILURES else ""

    @property
    def is_token_over(self) -> bool:
        ends = self.connection.expires_at
        return ends is not None and ends <= timezone.now()

    @property
    def is_cooling(self) -> bool:
        until = self.connection.cooldown_until
        return until is not None and until > timezone.now()

    @property
    def refresh_words(self) -> str:
        """When a new token comes, in words for a person."""
        if not self.has_tokens:
            return "Never: what was entered holds until it is replaced."
        if self.is_exhausted:
            return "Not any more, until it is reconnected."
        if self.is_connected and self.connection.next_refresh_at is None:
            return "Never: the provider gave nothing to renew it with."
        if self.connection.owner and not self.connection.owner.is_active:
            return f"Not while {self.connection.owner} cannot sign in."
        return ""

    @cached_property
    def app(self) -> AppRegistration | None:
        """The app people sign in through, where the kind has one."""
        if not needs_app(self.manifest):
            return None
        rows = AppRegistration.objects.filter(workspace=self.installation.workspace_id, installation=self.installation)
        return rows.select_related("entered_by").defer("wrapped_key", "ciphertext").first()

    @property
    def needs_app(self) -> bool:
        return needs_app(self.manifest)

    @property
    def wanted_scopes(self) -> list[str]:
        """What is asked for at the consent screen, in the vendor's words."""
        return list(auth_of(self.manifest).get("scopes", ()))

    @cached_property
    def rights(self) -> list[Right]:
        """Scopes of the extension against what was granted, the missing ones first."""
        auth, granted = auth_of(self.manifest), set(self.connection.scopes_granted)
        mapped: dict[str, list[str]] = auth.get("scope_map", {})
        knows = self.is_connected and bool(granted)
        found = []
        for scope in self.manifest.scopes:
            needs = tuple(mapped.get(scope, ()))
            is_granted = (set(needs) <= granted) if knows and scope in mapped else None
            found.append(Right(scopes.sentence(scope), scope, needs, is_granted))
        return sorted(found, key=lambda right: right.is_granted is not False)

    @property
    def missing(self) -> list[Right]:
        return [right for right in self.rights if right.is_granted is False]

    @cached_property
    def denied(self) -> Denied | None:
        return why_not_yours(self.connection, self.user)

    @property
    def trail_url(self) -> str:
        """Its events in the audit trail; empty for whoever may not read that."""
        if not can(self.user, "core.view_auditevent", self.installation.workspace):
            return ""
        return f"{reverse('core:audit-list', args=[self.installation.workspace.slug])}?target={self.connection.pk}"

    @cached_property
    def app_denied(self) -> Denied | None:
        return why_not(self.user, SHARED, self.installation.workspace)

    @cached_property
    def held(self) -> list[Run]:
        """The first runs that wait for it, those that the reader may see, in the order in which they go on."""
        visible = Run.objects.in_workspace(self.installation.workspace).visible_to(self.user)
        runs = held_runs(self.connection).filter(pk__in=visible.values("pk"))
        return list(runs.select_related("workspace", "requested_by")[:MOST_HELD])

    @cached_property
    def held_in_all(self) -> int:
        """How many runs wait for it, whoever may see them."""
        return held_runs(self.connection).count()

    @cached_property
    def others(self) -> list[Connection]:
        """The other connections of the same installation that the reader may see."""
        return [one for one in connections_of(self.installation, self.user) if one.pk != self.connection.pk]


def connections_of(installation: Installation, user: User) -> list[Connection]:
    """Those ``user`` may see: the shared one first, then their own, then others by name."""
    rows = Connection.objects.in_workspace(installation.workspace).visible_to(user).filter(installation=installation)
    found = list(rows.select_related("owner", "workspace", "installation__workspace"))
    return sorted(found, key=lambda one: (one.owner_id is not None, one.owner_id != user.pk, str(one.owner)))


def own_denied(installation: Installation, user: User) -> Denied | None:
    """Why ``user`` may connect no account of their own."""
    return why_not(user, OWN, installation)


def facts_of(page: ConnectionPage) -> list[tuple[str, str]]:
    """What stands beside the connection whatever its state: pairs of term and words."""
    connection = page.connection
    whose = f"{connection.owner}'s own" if connection.owner else "Shared by the workspace"
    return [("Whose", whose), ("Proves itself by", page.kind_words), ("Reaches", page.host or "Nothing yet")]
