"""What a workspace's rules say of scopes, for the pages that show them before and after consent."""

from django import template

from registry.asks import told

register = template.Library()


@register.simple_tag
def told_by_rules(asks, workspace, extension, manifest):
    """The same asks, each with what stands before it in ``workspace``."""
    return told(asks, workspace, extension, manifest)
