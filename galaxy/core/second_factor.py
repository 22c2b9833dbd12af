"""The second factor: who has one, which workspaces ask for it, and what the trail says of it."""

import time

from allauth.mfa import app_settings, signals
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save
from django.shortcuts import redirect, resolve_url
from django_htmx.http import HttpResponseClientRedirect

from galaxy.core import audit
from galaxy.core.accounts import provider_of, record_everywhere
from galaxy.core.errors import DomainError, Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from galaxy.core.sessions import end_other_sessions, rotate

KINDS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]  # recovery codes alone are none


class SecondFactorMissing(DomainError):
    """The API's answer where a page would lead to setting one up."""

    status = 403
    code = "second_factor_missing"
    next_step = "Set one up on your account's page, then send the request again."


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type__in=KINDS).exists()


def is_kept_out(user: User, workspace: Workspace) -> bool:
    """Whether ``workspace``, or whoever runs Galaxy, asks for a second factor that ``user`` does not have."""
    is_asked = settings.GALAXY_REQUIRE_SECOND_FACTOR or workspace.requires_second_factor
    return is_asked and not has_second_factor(user)


@transaction.atomic
def require_second_factor(workspace: Workspace, *, required: bool, actor: User) -> Workspace:
    """Ask every member of a workspace for a second factor, or stop asking; audited. Felt at their next request.

    Raises NotGranted, and Invalid where the actor has none: they would lock themselves out of the page they are on.
    """
    require(actor, "core.change_settings", workspace)
    if required and not has_second_factor(actor):
        raise Invalid(
            "You have no second factor yourself, so you would be the first to stand outside.",
            next_step="Set one up for your account, then come back.",
        )
    before = Workspace.objects.select_for_update().get(pk=workspace.pk).requires_second_factor
    if before != required:
        Workspace.objects.filter(pk=workspace.pk).update(requires_second_factor=required)
        audit.record(
            "workspace.changed",
            actor=actor,
            target=workspace,
            before={"requires_second_factor": before},
            after={"requires_second_factor": required},
        )
    workspace.requires_second_factor = required
    return workspace


class SecondFactorMiddleware:
    """Sends members without a second factor to set one up before they see a workspace that asks for it."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        workspace = request.workspace
        if workspace is None or not is_kept_out(request.user, workspace) or _provider_stands_for_it(request):
            return self.get_response(request)
        messages.warning(request, f"{workspace} asks for a second factor. Set one up here, then go back to it.")
        return HttpResponseClientRedirect(resolve_url("mfa_index")) if request.htmx else redirect("mfa_index")


def _provider_stands_for_it(request) -> bool:
    """Whether the company's provider signed this session in, and whoever runs Galaxy relies on the factors it asks."""
    return settings.GALAXY_SSO_COUNTS_AS_SECOND_FACTOR and bool(provider_of(request.session))


def _note_codes(sender, instance, **kwargs) -> None:
    """New recovery codes count as shown at once: else the page that shows them, a GET, would write it."""
    if instance._state.adding and instance.type == Authenticator.Type.RECOVERY_CODES:
        instance.data.setdefault("viewed_at", time.time())


def _saved(sender, instance, created, **kwargs) -> None:
    if created:
        record_everywhere("second_factor.added", instance.user, kind=instance.type)


def _deleted(sender, instance, **kwargs) -> None:
    record_everywhere("second_factor.removed", instance.user, kind=instance.type)


def _failed(sender, user, authenticator, **kwargs) -> None:
    record_everywhere("second_factor.failed", user, kind=authenticator.type)


def _spend(app: TOTP, code: str) -> bool:
    """Mark a code as used, unless it was, for as long as it would be taken again (RFC 6238, section 5.2).

    allauth forgets it after one step; with a tolerance each way it is taken for longer.
    """
    steps = 2 * app_settings.TOTP_TOLERANCE + 1
    return cache.add(app._get_used_cache_key(code), "y", timeout=steps * app_settings.TOTP_PERIOD)


def _rotate(sender, request, **kwargs) -> None:
    rotate(request)


def _end_others(sender, request, user, authenticator, **kwargs) -> None:
    """Sessions begun by the password alone end with the first factor that is asked for beside it."""
    factors = Authenticator.objects.filter(user=user, type__in=KINDS)
    if authenticator.type in KINDS and not factors.exclude(pk=authenticator.pk).exists():
        end_other_sessions(request, user)


def connect() -> None:
    TOTP._mark_code_used = _spend  # type: ignore[method-assign]
    # The trail listens to the rows and not to allauth, which tells of them only once the change is committed.
    pre_save.connect(_note_codes, sender=Authenticator, dispatch_uid="galaxy-factor-codes")
    post_save.connect(_saved, sender=Authenticator, dispatch_uid="galaxy-factor-saved")
    post_delete.connect(_deleted, sender=Authenticator, dispatch_uid="galaxy-factor-deleted")
    signals.authentication_failed.connect(_failed, dispatch_uid="galaxy-factor-failed")
    for signal in (signals.authenticator_added, signals.authenticator_removed, signals.authenticator_reset):
        signal.connect(_rotate, dispatch_uid="galaxy-factor-rotate")
    signals.authenticator_added.connect(_end_others, dispatch_uid="galaxy-factor-sessions")
