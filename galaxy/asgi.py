"""ASGI door, for servers that want one; every view is synchronous."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "galaxy.settings")
application = get_asgi_application()
