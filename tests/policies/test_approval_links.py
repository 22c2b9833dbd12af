"""Links to requests only open pages: passed on, previewed or guessed, they decide nothing."""

import pytest
from django.test import Client
from django.urls import reverse
from django.urls.converters import IntConverter, UUIDConverter

from policies.models import Approval, ApprovalStage, Vote
from policies.urls import urlpatterns


def state() -> list:
    """Everything about requests that a decision would change."""
    return [
        list(Approval.objects.order_by("pk").values_list("pk", "status", "decided_at", "consumed_at", "assigned_to")),
        list(Approval.objects.order_by("pk").values_list("pk", "reminded_at", "expires_at")),
        list(ApprovalStage.objects.order_by("pk").values_list("pk", "reviewers", "opened_at", "done_at")),
        Vote.objects.count(),
    ]


def addresses(workspace, approval) -> list[str]:
    """Every address of this floor's pages, with the request's id wherever one belongs."""
    found = []
    for pattern in urlpatterns:
        values = {UUIDConverter: approval.pk, IntConverter: 1}
        parts = {name: values.get(type(one), "x") for name, one in pattern.pattern.converters.items()}
        found.append(reverse(f"policies:{pattern.name}", kwargs={"workspace": workspace.slug, **parts}))
    return found


def test_a_link_that_was_passed_on_asks_who_is_there_and_decides_nothing(workspace, approval):
    """In a browser where nobody is signed in: the page asks to sign in, and so does what its form would send."""
    before, nobody = state(), Client()
    page = approval.get_absolute_url()
    sent = {"decision": "approved", "digest": approval.digest}
    answers = [
        nobody.get(page),
        nobody.post(reverse("policies:approval-decision", args=["meridian", approval.pk]), sent),
    ]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert all("/account/login/" in answer["Location"] for answer in answers)
    assert state() == before


@pytest.mark.parametrize("person", ["member", "stranger"])
def test_a_link_that_was_passed_on_to_somebody_else_shows_nothing(client_of, approval, cast, person):
    before, client = state(), client_of(cast[person])
    sent = {"decision": "approved", "digest": approval.digest}
    assert client.get(approval.get_absolute_url()).status_code == 404
    assert client.post(reverse("policies:approval-decision", args=["meridian", approval.pk]), sent).status_code == 404
    assert state() == before


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_preview_of_every_address_decides_nothing(client_of, workspace, approval, approver, method):
    """As a robot that looks at links would, in a session of somebody who may decide, the answer in the address."""
    before, client = state(), client_of(approver)
    query = {"decision": "approved", "digest": approval.digest, "note": "Yes", "to": str(approver.pk)}
    found = addresses(workspace, approval)
    codes = {getattr(client, method)(address, query).status_code for address in found}
    assert len(found) > 10 and codes <= {200, 302, 403, 404, 405}, codes
    assert state() == before
