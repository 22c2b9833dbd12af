"""What waits for proof of who is there: ``{% load proof %}{% waiting_act %}``."""

from typing import Any

from django import template
from django.template.context import Context

from galaxy.core.recent_proof import kept_act

register = template.Library()


@register.inclusion_tag("core/_waiting_act.html", takes_context=True)
def waiting_act(context: Context) -> dict[str, Any]:
    """The act that its person was led away from, with the way back to it; nothing where none waits."""
    return {"kept": kept_act(context["request"])}
