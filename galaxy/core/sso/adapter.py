"""What allauth asks of us: the providers, which the environment names alone, and that nobody signs up by it."""

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.conf import settings

from galaxy.core.sso.configuration import OIDC

ALLAUTH_NAMES = {OIDC: "openid_connect", "saml": "saml"}


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    def list_apps(self, request, provider=None, client_id=None) -> list[SocialApp]:
        """One per provider of ours; what may lie in allauth's table of apps is never read."""
        return [
            SocialApp(provider=ALLAUTH_NAMES[one.id], provider_id=one.id, name=one.name, client_id=one.id)
            for one in settings.GALAXY_SSO
            if provider in (None, one.id, ALLAUTH_NAMES[one.id]) and client_id in (None, one.id)
        ]

    def is_open_for_signup(self, request, sociallogin) -> bool:
        """``admission`` has made the account by then, or refused."""
        return False
