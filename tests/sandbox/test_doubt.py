"""Writes that may be repeated, and what is said of them where nobody knows whether they took effect."""

import pytest

from sandbox.errors import HELD
from sandbox.runners import Reply
from tests.extensions import PROBE, installed
from tests.sandbox.scripted import OK, connected, failed, live

__all__ = ["live"]

KEYED = (
    PROBE.replace("base_ms: 100", "base_ms: 1")
    .replace("path: /things\n", "path: /things\n    idempotency_header: Idempotency-Key\n", 1)
    .replace("path: /things\n", "path: /things\n    fallbacks: [{ path: /mirror }]\n", 1)
)
EXHAUSTED = Reply(401, {}, category="auth_error", code=HELD, sentence="The provider refused.", has_acted=False)


@pytest.fixture(autouse=True)
def connection(workspace, admin):
    return connected(installed(workspace, admin, KEYED)[0])


def test_a_write_that_may_have_acted_is_not_sent_to_a_fallback_which_knows_no_key(live):
    run = live("probe.create", {0: failed(504), 1: OK})
    assert (live.runner.sent, run.by_fallback) == ([live.runner.sent[0]] * 3, False)
    run = live("probe.create", {0: failed(504, acted=False), 1: OK})
    assert (run.state, run.by_fallback) == ("succeeded", True)


def test_a_write_by_the_runs_own_key_that_fails_in_doubt_is_unknown_since_another_run_has_another_key(live):
    run = live("probe.create", failed(504))
    assert (run.state, run.error_category) == ("unknown", "transient")
    assert "may have taken effect" in run.error["sentence"]
    assert live("probe.create", failed(504, acted=False)).state == "failed"
    assert live("probe.create", failed(429)).state == "failed"


def test_a_write_in_doubt_does_not_wait_for_its_connection(live):
    """By the time somebody reconnects, the other system may have forgotten the key, or be another account."""
    run = live("probe.create", failed(504), EXHAUSTED)
    assert (run.state, run.error["error_code"]) == ("unknown", HELD)
    assert live("probe.create", failed(504, acted=False), EXHAUSTED).state == "waiting"


def test_a_write_by_the_runs_own_key_whose_answer_does_not_fit_is_not_called_failed(live):
    run = live("probe.create", Reply(200, {}, outputs={}, has_acted=True))
    assert (run.state, run.error["error_code"]) == ("unknown", "output_mismatch")
