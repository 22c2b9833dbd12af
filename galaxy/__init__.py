"""The shell: settings, URLs and processes. It names every app; only galaxy.core is imported from outside."""

from .celery import app as celery_app

__all__ = ["celery_app"]
