"""Delegations: dated, within bounds, never round in a circle, and over the moment either of the two leaves."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.members.people import remove_member
from galaxy.core.models import AuditEvent, Membership, Notification
from galaxy.core.permissions import NotGranted
from policies.models import Delegation
from policies.services.delegations import (
    CircularDelegation,
    DelegationOver,
    DelegationOverlaps,
    NotYourDelegation,
    delegate,
    delegated_to,
    end_delegation,
)
from policies.services.groups import create_group
from tests.extensions import PROBE, TIDY, installed

DAY = timedelta(days=1)


@pytest.fixture
def give(workspace):
    """``give(giver, taker, first=0, last=5, installation=None)``: days from now."""

    def given(giver, taker, first=0.0, last=5.0, installation=None, reason="Away"):
        now = timezone.now()
        return delegate(
            workspace,
            giver=giver,
            taker=taker,
            starts_at=now + first * DAY,
            ends_at=now + last * DAY,
            installation=installation,
            reason=reason,
        )

    return given


def givers(user, workspace, at=None):
    return [row.giver for row in delegated_to(user, workspace, at)]


def test_it_holds_from_its_beginning_to_its_end_and_the_taker_is_told(workspace, give, approver, member, trail):
    give(approver, member, first=1, last=3)
    now = timezone.now()
    assert givers(member, workspace) == []
    assert [givers(member, workspace, now + days * DAY) for days in (0.5, 1.5, 3.5)] == [[], [approver], []]
    assert givers(approver, workspace, now + 2 * DAY) == []
    assert trail("delegation.") == ["delegation.created"]
    assert Notification.objects.get(kind="delegation_given").person == member


def test_one_that_holds_now_is_found_in_one_query(workspace, give, approver, member, django_assert_num_queries):
    give(approver, member)
    delegated_to(member, workspace)
    with django_assert_num_queries(1):
        assert delegated_to(member, workspace)[0].giver == approver


def test_what_was_handed_over_is_not_handed_on(workspace, give, approver, owner, member):
    give(approver, owner)
    give(owner, member)
    assert givers(member, workspace) == [owner]


def test_it_ends_when_it_is_called_off_by_either_or_by_who_manages_rules(workspace, give, approver, member, admin):
    for actor in (approver, member, admin):
        row = give(approver, member)
        end_delegation(row, actor=actor)
        assert givers(member, workspace) == []
        with pytest.raises(DelegationOver):
            end_delegation(row, actor=actor)
    assert AuditEvent.objects.filter(action="delegation.ended").count() == 3


def test_nobody_else_ends_it(give, approver, member, creator):
    row = give(approver, member)
    with pytest.raises(NotYourDelegation):
        end_delegation(row, actor=creator)


def test_who_decides_nothing_has_nothing_to_hand_over(workspace, give, member, creator, admin):
    with pytest.raises(NotGranted):
        give(member, creator)
    create_group(workspace, name="Desk", members=[member], actor=admin)
    give(member, creator)
    assert givers(creator, workspace) == [member]


@pytest.mark.parametrize(
    ("first", "last", "field"), [(0, 0, "ends_on"), (-3, -1, "ends_on"), (3, 2, "ends_on"), (0, 100, "ends_on")]
)
def test_its_days_make_sense(give, approver, member, first, last, field):
    with pytest.raises(Invalid) as refused:
        give(approver, member, first=first, last=last)
    assert list(refused.value.fields) == [field]


def test_it_goes_to_another_member(give, approver, stranger):
    for taker in (approver, stranger):
        with pytest.raises(Invalid) as refused:
            give(approver, taker)
        assert list(refused.value.fields) == ["taker"]
    assert not Delegation.objects.exists()


def test_one_person_answers_for_another_at_a_time(workspace, give, approver, member, creator, admin):
    probe, tidy = installed(workspace, admin, PROBE, TIDY)
    give(approver, member, first=1, last=3, installation=probe)
    for more in ({}, {"installation": probe}):
        with pytest.raises(DelegationOverlaps, match=f"{member} answers for you about Probe"):
            give(approver, creator, first=2, last=4, **more)
    give(approver, creator, first=2, last=4, installation=tidy)
    give(approver, creator, first=5, last=6)
    now = timezone.now()
    assert [row.installation_id for row in delegated_to(creator, workspace, now + 2.5 * DAY)] == [tidy.pk]


def test_a_circle_is_refused_and_the_chain_is_named(give, approver, owner, admin):
    give(approver, owner)
    with pytest.raises(CircularDelegation, match=f"{owner} → {approver} → {owner}"):
        give(owner, approver)
    give(owner, admin)
    with pytest.raises(CircularDelegation, match=f"{admin} → {approver} → {owner} → {admin}"):
        give(admin, approver, first=1, last=2)
    give(admin, approver, first=6, last=7)  # by then nobody else is away


def test_circles_about_different_matters_are_none(workspace, give, approver, owner, admin):
    probe, tidy = installed(workspace, admin, PROBE, TIDY)
    give(approver, owner, installation=probe)
    give(owner, approver, installation=tidy)
    with pytest.raises(CircularDelegation):
        give(owner, approver, first=1, installation=probe)


@pytest.mark.parametrize("who", ["giver", "taker"])
def test_it_ends_when_either_leaves(workspace, give, approver, member, admin, who, django_capture_on_commit_callbacks):
    give(approver, member)
    leaver = approver if who == "giver" else member
    with django_capture_on_commit_callbacks(execute=True):
        remove_member(Membership.objects.get(user=leaver), actor=admin)
    assert givers(member, workspace) == []
    assert AuditEvent.objects.filter(action="delegation.ended").count() == 1


def url(workspace):
    return reverse("policies:delegation-list", args=[workspace.slug])


def filled_in(taker, first=0, last=5, **more):
    today = timezone.now().date()
    days = {"starts_on": today + first * DAY, "ends_on": today + last * DAY}
    return {"taker": taker.pk, "reason": "Away"} | days | more


def test_one_gives_and_ends_it_on_the_page(client_of, workspace, approver, member):
    client = client_of(approver)
    assert client.post(url(workspace), filled_in(member)).status_code == 302
    assert givers(member, workspace) == [approver]
    assert member.name in client.get(url(workspace)).text
    assert approver.name in client_of(member).get(url(workspace)).text
    end = reverse("policies:delegation-end", args=[workspace.slug, Delegation.objects.get().pk])
    assert client.get(end).status_code == 405
    assert client.post(end).status_code == 302
    assert givers(member, workspace) == []


def test_what_is_refused_comes_back_with_the_form(client_of, workspace, give, approver, owner, member):
    give(owner, approver)
    client = client_of(approver)
    round_again = client.post(url(workspace), filled_in(owner))
    assert round_again.status_code == 422 and "would go round" in round_again.text
    backwards = client.post(url(workspace), filled_in(member, first=3, last=1))
    assert backwards.status_code == 422 and "Choose a last day" in backwards.text
    assert Delegation.objects.count() == 1


def test_others_see_nothing_of_it_but_who_manages_rules(client_of, workspace, give, approver, owner, creator, admin):
    row = give(approver, owner)
    assert "Away" not in client_of(creator).get(url(workspace)).text
    assert "Away" in client_of(admin).get(url(workspace)).text
    end = reverse("policies:delegation-end", args=[workspace.slug, row.pk])
    assert client_of(creator).post(end).status_code == 404


def test_the_list_costs_the_same_however_many_there_are(
    client_of, workspace, give, admin, approver, member, django_assert_max_num_queries
):
    give(approver, member)
    client = client_of(admin)
    client.get(url(workspace))
    with django_assert_max_num_queries(40) as first:
        client.get(url(workspace))
    for day in range(10, 15):
        give(approver, member, first=day, last=day + 0.5)
    with django_assert_max_num_queries(len(first)):
        client.get(url(workspace))
