"""A worker's connection outlives its tasks: between them it is only given back, as between requests."""

import pytest
from celery.fixups.django import DjangoWorkerFixup
from django.db import connection

from galaxy.celery import app
from galaxy.core.tasks import note_heartbeat


@pytest.mark.django_db(transaction=True)
def test_celery_leaves_connections_alone_and_the_task_gives_them_back():
    connection.ensure_connection()
    there = connection.connection
    worker = DjangoWorkerFixup(app)
    worker.on_task_prerun(note_heartbeat)
    worker.on_task_postrun(note_heartbeat)
    assert connection.connection is there and not there.closed  # else the pool would go with it in a forked worker
    note_heartbeat.after_return("SUCCESS", None, "id", (), {}, None)
    assert connection.connection is None


@pytest.mark.django_db(transaction=True)
def test_a_task_done_in_place_keeps_the_connection_of_who_asked():
    connection.ensure_connection()
    there = connection.connection
    note_heartbeat.apply()
    assert connection.connection is there
