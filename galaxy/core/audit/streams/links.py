"""Addresses for people in what is streamed. They open a page behind its sign-in, and decide nothing."""

from django.conf import settings
from django.urls import reverse

from galaxy.core.models import AuditEvent

_pages: dict[str, str] = {}


def add_link(target_kind: str, url_name: str) -> None:
    """``url_name`` is the page of an object that events are about (``approval``), by workspace and id."""
    _pages[target_kind] = url_name


def link_of(event: AuditEvent) -> str:
    """The page of what the event is about, else that of the event; "" where nobody told Galaxy its own address."""
    base = settings.GALAXY_URL.rstrip("/")
    if not base:
        return ""
    if name := _pages.get(event.target_kind):
        return base + reverse(name, args=[event.workspace.slug, event.target_id])
    return base + event.get_absolute_url()
