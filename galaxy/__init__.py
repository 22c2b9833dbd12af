"""The shell: settings, URLs and processes. It names every app; only galaxy.core is imported from outside.

Nothing is imported here: a sealed child process that replays calls needs a file or two of galaxy.core and no Celery.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "galaxy.settings")
