"""A doorbell is Celery's own message, put together by less of Celery."""

from uuid import uuid4

import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError

from galaxy.celery import app
from galaxy.core.scope import workspace_scope
from sandbox.tasks import perform_run


@pytest.fixture
def heard():
    """Takes the next message of the queue: its headers, properties and body."""
    app.control.purge()
    with app.connection_for_write() as broker, broker.SimpleQueue(app.amqp.queues[app.conf.task_default_queue]) as line:

        def next_one():
            message = line.get(timeout=20)
            message.ack()
            return message.headers, message.properties, message.payload, message.delivery_info

        yield next_one


def test_it_says_what_the_task_says_that_is_sent_by_celery(heard):
    workspace, words = uuid4(), [str(uuid4()), str(uuid4())]
    with workspace_scope([workspace]):
        assert perform_run.apply_async(args=words) is None
        perform_run.apply_async(args=words, retry=False, argsrepr=str(words), kwargsrepr="{}")
    (ours, our_way, our_words, our_place), (theirs, their_way, their_words, their_place) = heard(), heard()
    own = {"id", "root_id"}
    assert ours["id"] == ours["root_id"] == our_way["correlation_id"] != theirs["id"]
    assert {name: one for name, one in ours.items() if name not in own} == {
        name: one for name, one in theirs.items() if name not in own
    }
    assert ours["galaxy_workspaces"] == str(workspace)
    assert our_words == their_words
    assert our_way.keys() == their_way.keys() - {"argsrepr", "kwargsrepr"}  # which a worker reads of the headers
    assert our_place == their_place


def test_who_rings_is_told_of_a_broker_that_is_away(monkeypatch):
    monkeypatch.setattr(app.amqp, "send_task_message", _away)
    with pytest.raises(OperationalError, match="nobody there"):
        perform_run.apply_async(args=["a", "b"])


def _away(*args, **options):
    raise ConnectionError("nobody there")
