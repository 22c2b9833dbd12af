"""Approvals as the gate would ask for them."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.models import AuditEvent, Workspace
from policies import subjects
from policies.models import RuleSet
from policies.rules.vocabulary import Rule, digest_of
from policies.services.approvals import decide_approval, request_approval

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


@pytest.fixture
def rule(workspace, admin):
    """``rule(effect, acts=[…], ask={…})``: one more rule in force."""

    def added(effect, *, ask=None, **what):
        current = RuleSet.objects.filter(workspace=workspace).order_by("-number").first()
        number = current.number + 1 if current else 1
        value = {"id": f"00000000-0000-0000-0000-{number:012}", "number": number, "title": "Changes", "effect": effect}
        value |= {"what": what, "ask": ask if ask or effect != "require_approval" else {}}
        if effect == "require_approval":
            value["ask"] = {"reviewers": "approvers", "needed": 1} | (ask or {})
        content = [*(current.content if current else []), Rule.from_json(value).as_json()]
        RuleSet.objects.create(
            workspace=workspace,
            number=number,
            content=content,
            digest=digest_of(content),
            change="Test",
            author=admin,
        )
        Workspace.objects.filter(pk=workspace.pk).update(policy_version=number)
        workspace.refresh_from_db()

    return added


@pytest.fixture
def say(approver, django_capture_on_commit_callbacks):
    """``say(change, "approved")``: what the approver answers, and what follows from it."""

    def said(change, decision="approved", note="Seen"):
        with django_capture_on_commit_callbacks(execute=True):
            decide_approval(
                change.approval, reviewer=approver, decision=decision, note=note, digest=change.approval.digest
            )
        change.refresh_from_db()
        return change

    return said
