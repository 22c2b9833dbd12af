"""Approvals as the gate would ask for them."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.models import AuditEvent
from policies import subjects
from policies.services.approvals import request_approval

FACTS = {
    "what": "hubspot.delete_task",
    "where": "HubSpot, not connected",
    "records": 1,
    "data_classes": ["email"],
    "version": "HubSpot 1.2.0",
    "rule": "A delete needs a second person",
    "undo": "None",
    "simulated": True,
    "inputs": {"task_id": "t_1", "note": "j•••@•••.com"},
}


@pytest.fixture
def made_up_subjects(monkeypatch):
    """What the approvals of a test are about is not there, so the floors that know such things are not asked of it."""
    plain = {
        kind: replace(subject, show=None, narrowable=None, narrow=None, again=None)
        for kind, subject in subjects._subjects.items()
    }
    monkeypatch.setattr(subjects, "_subjects", plain)


@pytest.fixture
def ask(workspace, creator, made_up_subjects):
    """``ask(summary="…", …)``: a waiting approval, asked for by the creator unless told otherwise."""

    def asked(summary="Delete a task in HubSpot", **fields):
        values = {
            "subject_kind": "run",
            "subject_id": uuid4(),
            "bound": {"inputs": uuid4().hex},
            "facts": FACTS,
            "requested_by": creator,
        }
        return request_approval(workspace, summary=summary, **(values | fields))

    return asked


@pytest.fixture
def approval(ask):
    return ask()


@pytest.fixture
def trail(workspace):
    """``trail("approval.")``: the actions recorded so far that start so, oldest first."""

    def actions(prefix=""):
        events = AuditEvent.objects.in_workspace(workspace).filter(action__startswith=prefix).order_by("id")
        return [event.action for event in events]

    return actions


@pytest.fixture
def agent(workspace, owner, admin):
    """An agent of the admin's, made by the owner."""
    return create_agent(
        workspace,
        name="Sweeper",
        purpose="Tidies up",
        owner=admin,
        scopes=["crm.tasks.write"],
        grants=(),
        calls_per_day=10,
        ends_at=timezone.now() + timedelta(days=30),
        actor=owner,
    )
