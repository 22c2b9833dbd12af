"""Addresses that every page writes many of: looked up once in a process."""

from functools import lru_cache

from django.conf import settings
from django.urls import get_script_prefix, get_urlconf, reverse


def address(name: str, *args: str) -> str:
    """As ``reverse``, for what a process has few of: the pages of a workspace, and not those of single rows."""
    return _known(get_urlconf() or settings.ROOT_URLCONF, get_script_prefix(), name, args)


@lru_cache(maxsize=8192)
def _known(urlconf: str, prefix: str, name: str, args: tuple[str, ...]) -> str:
    return reverse(name, urlconf, args)
