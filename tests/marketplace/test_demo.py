"""``make demo``: the main job in the terminal, with a real worker, and a failure where a step fails."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from galaxy.core.members import scope_of
from galaxy.core.models import User, Workspace
from galaxy.core.scope import workspace_scope
from sandbox.models import Outcome
from tests.workers import Workers

TRANSACTIONAL = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def demo(transactional_db, monkeypatch):
    """``demo()`` runs the command on the test database and returns what it printed."""
    for name, value in Workers().env.items():
        monkeypatch.setenv(name, value)

    def run() -> str:
        out = StringIO()
        call_command("demo", stdout=out)
        return out.getvalue()

    return run


@TRANSACTIONAL
def test_it_installs_runs_and_reads_the_trail_and_can_be_done_twice(demo):
    call_command("load_catalog", stdout=StringIO())
    call_command("seed_demo", stdout=StringIO())
    first = demo()
    assert "HubSpot is installed, pinned to 1.2.0" in first
    assert "outcome lead_followed_up reached, simulated and so not counted" in first
    assert first.rstrip().endswith("All 7 steps done.")
    second = demo()
    assert "HubSpot was installed before" in second
    with workspace_scope([_meridian()]):
        assert list(Outcome.objects.values_list("is_success", "is_simulated")) == [(True, True)] * 2


@TRANSACTIONAL
def test_it_fails_at_the_step_that_cannot_be_done(demo):
    call_command("seed_demo", stdout=StringIO())
    with pytest.raises(CommandError, match=r"Step 1 failed. The marketplace is empty."):
        demo()


@TRANSACTIONAL
def test_without_demo_people_it_says_what_to_do(demo):
    with pytest.raises(CommandError, match="prepare"):
        demo()


def _meridian():
    with scope_of(User.objects.get(email="admin@demo.example")):
        return Workspace.objects.get(slug="meridian").pk
