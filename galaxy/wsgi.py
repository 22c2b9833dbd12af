"""WSGI door: ``granian --interface wsgi galaxy.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from galaxy import starting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "galaxy.settings")
with starting.imports():
    application = get_wsgi_application()
    _ = get_resolver().url_patterns  # all views now, so that no visitor waits for them
