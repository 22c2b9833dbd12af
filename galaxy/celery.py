"""The Celery app. The broker is a doorbell: what has to be done stands in PostgreSQL (see sandbox.services)."""

import os

from celery import Celery

from galaxy import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "galaxy.settings")
broker.register()

app = Celery("galaxy", task_cls="galaxy.core.tasks:ScopedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
