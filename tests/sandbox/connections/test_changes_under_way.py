"""What becomes of a call when its connection changes under it: ended, connected anew, or told of a new version."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.audit import Actor
from galaxy.core.members.people import remove_member
from galaxy.core.models import AuditEvent, Membership
from registry.models import Connection, ConnectionCredential
from registry.services.moving import move_approved
from sandbox.connections import services
from sandbox.connections.services import connect_with, disconnect
from sandbox.oauth.answers import Tokens
from sandbox.oauth.failures import TokenRefused
from sandbox.sandboxd import refreshing
from sandbox.sandboxd.connecting import _host_of
from sandbox.sandboxd.credentials import NotAuthorised, authorised
from tests.connections import API, LOGIN, Vendor, register_app, seal_for, vendor
from tests.core.vault.test_canary import dump
from tests.extensions import installed, manifest_of, publish

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
BUNDLE = {"access_token": "access-token-0123456789", "refresh_token": "refresh-token-0123456789"}
FRESH = {"access_token": "fresh-access-0123456789", "refresh_token": "fresh-refresh-0123456789"}
EU = "eu.vendor.example"
TYPED = {"token": "typed-token-0123456789"}


def read() -> Connection:
    return Connection.objects.select_related("installation__pin__version", "workspace", "owner").get()


@pytest.fixture
def expired(vault, workspace, admin):
    """Connected by consent, with a token whose time is over."""
    installation = installed(workspace, admin, vendor())[0]
    register_app(installation, admin)
    past = timezone.now() - timedelta(minutes=1)
    return seal_for(read(), BUNDLE, expires_at=past, refreshed_at=past - timedelta(hours=1), next_refresh_at=past)


@pytest.fixture
def typed(vault, workspace, admin):
    installed(workspace, admin, vendor("type: bearer"))
    return seal_for(read(), TYPED, connected_at=timezone.now())


def ask(connection, answer=None):
    manifest = connection.installation.pin.version.parsed
    return authorised(connection, manifest, seconds=5.0, ways=Vendor(answer).ways)


def test_a_call_whose_connection_ends_while_it_is_renewed_is_told_so(expired, admin, sandboxd):
    def answer(host, target, form):
        disconnect(read(), actor=admin)
        return FRESH

    with pytest.raises(NotAuthorised) as refused:
        ask(expired, answer)
    assert (refused.value.code, refused.value.category) == ("not_connected", "auth_error")
    assert not ConnectionCredential.objects.exists()


def test_a_call_does_not_go_on_over_an_account_that_was_connected_meanwhile(typed, admin, sandboxd):
    seen = read()
    connect_with(typed, values={"token": "another-token-0123456789"}, settings={}, host="", account="", actor=admin)
    with pytest.raises(NotAuthorised, match="connected anew") as refused:
        ask(seen)
    assert (refused.value.code, refused.value.category) == ("connection_changed", "policy_block")
    assert ask(read()).headers == {"Authorization": ("Bearer ", "another-token-0123456789")}


def test_a_token_on_its_way_is_not_stored_once_the_version_signs_in_otherwise(expired, admin):
    """Closing destroys what was held, so that nothing of it comes back."""
    other = publish(vendor("type: bearer").replace("version: 1.0.0", "version: 2.0.0"))

    def answer(host, target, form):
        move_approved(expired.installation, version=other, actor=admin, chain=Actor.of(admin))
        return FRESH

    with pytest.raises(NotAuthorised):
        ask(expired, answer)
    assert not ConnectionCredential.objects.exists()
    row = read()
    assert (row.status, row.next_refresh_at, row.refresh_holder, row.last_error) == ("unauthenticated", None, None, "")


def test_a_fallback_at_another_host_is_given_no_credential_of_before(typed):
    text = vendor("type: bearer").replace(
        "path: /things\n", f'path: /things\n    fallbacks: [{{ base_url: "https://{LOGIN}" }}]\n', 1
    )
    with pytest.raises(NotAuthorised, match=LOGIN):
        authorised(typed, manifest_of(text), seconds=5.0, ways=Vendor().ways)


def test_a_refresh_on_which_our_own_code_breaks_is_a_failure_with_a_pause(expired, monkeypatch):
    """It neither hangs, nor goes round until the time is over, nor leaves a holder that nobody follows."""

    def broken(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(refreshing, "renewal_request", broken)
    peer = Vendor()
    with pytest.raises(NotAuthorised) as refused:
        authorised(expired, expired.installation.pin.version.parsed, seconds=5.0, ways=peer.ways)
    assert (refused.value.category, peer.asked) == ("transient", [])
    row = read()
    assert (row.refresh_failures, row.refresh_holder, row.cooldown_until > timezone.now()) == (1, None, True)


def test_a_vendor_that_lists_its_token_among_the_scopes_shows_it_to_nobody(expired):
    ask(expired, lambda host, target, form: FRESH | {"scope": f"things:read {FRESH['access_token']}"})
    assert (read().scopes_granted, FRESH["access_token"] in dump()) == (["things:read"], False)


@pytest.mark.parametrize("told", ["https://evil.example\\.tenant.example", "https://a b.tenant.example", "https://[x"])
def test_a_host_that_the_provider_names_is_a_host_below_the_suffix(told):
    text = vendor(
        base="https://{connection.host}", egress='\n  - { host: "{connection.host}", suffix: .tenant.example }'
    )
    with pytest.raises(TokenRefused, match="did not name a host"):
        _host_of(manifest_of(text), "", Tokens("a", "", None, None, {"instance_url": told}))
    tokens = Tokens("a", "", None, None, {"instance_url": "https://Acme.tenant.example/"})
    assert _host_of(manifest_of(text), "", tokens) == "acme.tenant.example"


def test_the_own_account_of_somebody_who_leaves_is_held_no_longer(typed, workspace, admin, member, sandboxd):
    """Its token was renewed day after day, and nobody could end it: it was theirs alone."""
    own = Connection.objects.create(
        workspace=workspace, installation=typed.installation, owner=member, name="Vendor", connected_at=timezone.now()
    )
    seal_for(own, TYPED, next_refresh_at=timezone.now())
    membership = Membership.objects.get(workspace=workspace, user=member)
    remove_member(membership, actor=admin)
    own.refresh_from_db()
    assert (own.status, own.next_refresh_at) == ("unauthenticated", None)
    assert not ConnectionCredential.objects.filter(connection=own).exists()
    assert ConnectionCredential.objects.filter(connection=typed).exists()
    assert AuditEvent.objects.filter(action="connection.disconnected", target_id=str(own.pk)).exists()


def test_a_refresh_for_an_older_version_keeps_the_hosts_that_were_agreed_to(vault, workspace, admin):
    """Else every call of the version that is pinned would be refused from then on."""
    egress = f"\n  - {{ host: {EU}, methods: [GET], path_prefix: / }}"
    newer = vendor(egress=egress).replace(
        "path: /things\n", f'path: /things\n    fallbacks: [{{ base_url: "https://{EU}" }}]\n', 1
    )
    register_app(installed(workspace, admin, newer)[0], admin)
    past = timezone.now() - timedelta(minutes=1)
    connection = seal_for(read(), BUNDLE, expires_at=past, refreshed_at=past)
    ways = Vendor(lambda host, target, form: FRESH).ways
    found = authorised(connection, manifest_of(vendor()), seconds=5.0, ways=ways)
    assert found.headers["Authorization"][1] == FRESH["access_token"]
    assert ConnectionCredential.objects.get().hosts == [API, EU, LOGIN]
    assert ask(read()).headers == found.headers


def test_a_test_of_a_connection_whose_host_no_longer_fits_says_so(vault, workspace, admin, sandboxd):
    egress = '\n  - { host: "{connection.host}", suffix: .tenant.example }'
    installed(workspace, admin, vendor("type: bearer", base="https://{connection.host}", egress=egress))
    connection = seal_for(read(), TYPED, host="acme.elsewhere.example")
    passed, sentence = services.test_connection(connection, actor=admin)
    assert (passed, "Reconnect it" in sentence, sandboxd.asked) == (False, True, [])
