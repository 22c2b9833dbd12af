"""The Celery app. The broker is a doorbell: what has to be done stands in PostgreSQL (see sandbox.services)."""

import os

from celery import Celery
from celery.signals import celeryd_init, worker_init

from galaxy import broker, starting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "galaxy.settings")
broker.register()

app = Celery("galaxy", task_cls="galaxy.core.tasks:ScopedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@celeryd_init.connect
def _imports_begin(**_: object) -> None:
    starting.put_off()


# Django and all tasks are there by then, and no child is.
worker_init.connect(starting.settle)
