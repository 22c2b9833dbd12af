"""``{% load sso %}``: the providers of single sign-on, for the pages that offer them."""

from django import template
from django.conf import settings

from galaxy.core.sso.configuration import Provider

register = template.Library()


@register.simple_tag
def sso_providers(address: str = "") -> list[Provider]:
    """All there are; with ``address`` those that may vouch for it."""
    return [one for one in settings.GALAXY_SSO if not address or one.vouches_for(address)]
