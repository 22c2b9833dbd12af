"""WSGI door: ``granian --interface wsgi galaxy.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "galaxy.settings")
application = get_wsgi_application()
