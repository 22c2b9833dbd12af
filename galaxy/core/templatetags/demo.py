"""``{% load demo %}``: what only a development server tells."""

from django import template
from django.conf import settings

from galaxy.core.demo import LOGINS
from galaxy.core.models import User

register = template.Library()


@register.simple_tag
def demo_logins() -> list[tuple[str, str, str]]:
    """(role, e-mail, password) of the demo people that exist here; nothing where DEBUG is off."""
    if not settings.DEBUG:
        return []
    here = set(User.objects.filter(email__in=[email for _, email, _ in LOGINS]).values_list("email", flat=True))
    return [login for login in LOGINS if login[1] in here]
