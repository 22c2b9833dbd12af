"""Governance at a moment: versions, rules, people and grants as they stood then."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.members.people import change_role
from galaxy.core.models import Membership, RoleGroup
from policies.as_of import AsOfForm, state_at
from policies.models import RuleSet
from policies.rules.vocabulary import digest_of
from tests.extensions import PROBE, installed
from tests.policies.test_receipts import rule

URL = "/w/meridian/as-of/"


def section(state, title):
    return {entry.name: entry.words for one in state.sections if one.title == title for entry in one.entries}


def test_people_and_versions_of_now(workspace, admin, member):
    probe = installed(workspace, admin, PROBE)[0]
    state = state_at(workspace, timezone.now() + timedelta(seconds=1))
    assert section(state, "People")[str(member)] == "Member"
    assert section(state, "Versions in use")["Probe"].startswith(probe.pin.version.number)
    assert state.rules == []


def test_before_it_was_there_nothing_held(workspace, admin):
    installed(workspace, admin, PROBE)
    state = state_at(workspace, timezone.now() - timedelta(days=30))
    assert all(not one.entries for one in state.sections)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_role_that_changed_is_shown_as_it_was_then(workspace, owner, member):
    """Real transactions: two states of one row, the first of which held until the second began."""
    membership = Membership.objects.get(user=member)
    between = timezone.now()
    change_role(membership, to=RoleGroup.objects.get(role="approver"), actor=owner)
    assert section(state_at(workspace, between), "People")[str(member)] == "Member"
    assert section(state_at(workspace, timezone.now()), "People")[str(member)] == "Approver"


def test_the_rules_of_then_are_the_set_of_then(workspace, admin):
    now = timezone.now()
    for number, title, at in ((1, "Old", now - timedelta(days=2)), (2, "New", now - timedelta(hours=1))):
        content = [rule(1, "deny").as_json() | {"title": title}]
        facts = {"content": content, "digest": digest_of(content), "change": "Made", "created_at": at}
        RuleSet.objects.create(workspace=workspace, number=number, author=admin, **facts)
    then = state_at(workspace, now - timedelta(days=1))
    assert (then.rule_set.number, then.rules[0][0].title) == (1, "Old")
    assert state_at(workspace, now).rules[0][0].title == "New"
    assert state_at(workspace, now - timedelta(days=3)).rule_set is None


@pytest.mark.parametrize("wrong", ["yesterday", "2999-01-01T00:00", "2026-13-01"])
def test_a_moment_that_is_none_or_has_not_come_is_refused(client_of, workspace, auditor, wrong):
    answer = client_of(auditor).get(URL, {"at": wrong})
    assert answer.status_code == 422


def test_last_tuesday_is_a_link(client_of, workspace, auditor, admin):
    installed(workspace, admin, PROBE)
    shown = client_of(auditor).get(URL, {"at": "2026-11-24T14:00"}).text
    assert "Nothing was installed." in shown
    assert "Probe" in client_of(auditor).get(URL).text


def test_it_is_for_who_reads_the_trail(client_of, workspace, member, approver):
    assert client_of(member).get(URL).status_code == 403
    assert client_of(approver).get(URL).status_code == 403


def test_it_asks_as_much_for_many_as_for_few(client_of, workspace, auditor, admin, django_assert_max_num_queries):
    client = client_of(auditor)
    client.get(URL)
    with django_assert_max_num_queries(45) as few:
        client.get(URL)
    installed(workspace, admin, PROBE)
    with django_assert_max_num_queries(len(few) + 2):
        client.get(URL)


def test_a_form_without_a_moment_is_now():
    assert abs(AsOfForm(None).moment - timezone.now()) < timedelta(seconds=5)
    assert reverse("policies:as-of", args=["meridian"]) == URL
