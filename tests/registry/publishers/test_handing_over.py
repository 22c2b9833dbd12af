"""A name goes to its owner by right: one asks, two people of the desk say yes, or one says no."""

import pytest
from django.db import transaction
from django.db.utils import DatabaseError, IntegrityError
from django.urls import reverse
from django.utils import timezone

from galaxy.core.members import add_member
from galaxy.core.models import AuditDetail, AuditEvent, Notification
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import scope_with, workspace_scope
from registry.errors import AlreadyClaimed, AlreadyDecided, NeedsAnother, NotClaimable, NotVouched
from registry.models import NameClaim, Publisher, PublisherMember
from registry.publishers import keys, proving
from registry.publishers.claiming import claim_name
from registry.publishers.handing_over import answer_claim, ask_for_name
from registry.publishers.naming import publisher_named
from registry.signing import verify
from tests.factories import make_user, make_workspace
from tests.registry.samples import connector, publish

pytestmark = pytest.mark.django_db
WHY = "It is our trade mark, number 123 of the register."


@pytest.fixture
def orbit(workspace, creator):
    """A name of Meridian's, with a key and something published."""
    row = claim_name(workspace, name="Orbit Works", actor=creator)
    keys.add_key(row, public="A" * 43 + "=", actor=creator)
    publish(connector(), publisher=row)
    return row


@pytest.fixture
def claim(desk, orbit, other_workspace, stranger):
    """Tidewater asks for it."""
    with workspace_scope([other_workspace.pk]):
        return ask_for_name(other_workspace, publisher=orbit, plea=WHY, actor=stranger)


def answer(desk, claim, by, grant=True):
    with workspace_scope([desk.workspace.pk]):
        return answer_claim(claim, grant=grant, reason="The register says so.", actor=by)


def test_two_people_give_a_name_over_and_every_side_is_told(desk, orbit, claim, other_workspace, stranger, creator):
    with workspace_scope([desk.workspace.pk]):
        proving.vouch(orbit, reason="We thought so.", actor=desk.reviewer)
        assert Notification.objects.filter(kind="name_claim_waiting", person=desk.reviewer).exists()
    row = answer(desk, claim, desk.reviewer)
    assert (row.state, Publisher.objects.get().workspace_id == other_workspace.pk) == ("open", False)
    with pytest.raises(NeedsAnother, match="said yes already"):
        answer(desk, claim, desk.reviewer)
    row = answer(desk, claim, desk.second)
    orbit.refresh_from_db()
    assert (row.state, row.first_by, row.decided_by) == ("granted", desk.reviewer, desk.second)
    assert (orbit.workspace_id, orbit.proof, orbit.domain) == (other_workspace.pk, "none", "")
    assert [(one.user, one.role) for one in orbit.team.all()] == [(stranger, "manager")]
    assert [one.state for one in orbit.keys.all()] == ["retired"]
    assert Notification.objects.get(kind="publisher_handed_over").person == creator
    assert AuditEvent.objects.filter(action="publisher.handed_over").count() == 1  # in Meridian's trail
    with workspace_scope([other_workspace.pk]):
        assert Notification.objects.get(kind="name_claim_decided").person == stranger
        assert AuditEvent.objects.filter(action__in=["publisher.asked_for", "publisher.handed_over"]).count() == 2
    with workspace_scope([desk.workspace.pk]):
        assert AuditEvent.objects.filter(action="publisher.claim_supported").count() == 1
    with pytest.raises(AlreadyDecided):
        answer(desk, claim, desk.second)


def test_neither_side_decides(desk, orbit, claim, other_workspace, stranger):
    with workspace_scope([other_workspace.pk]):
        add_member(other_workspace, user=desk.reviewer, role="member", actor=stranger)
    PublisherMember.objects.create(publisher=orbit, user=desk.second)
    for person, words in ((desk.reviewer, "workspace that asks"), (desk.second, "team whose name")):
        for grant in (True, False):
            with pytest.raises(NeedsAnother, match=words):
                answer(desk, claim, person, grant=grant)
    claim.refresh_from_db()
    assert (claim.state, claim.first_by) == ("open", None)


def test_one_no_leaves_the_name_where_it_is(desk, orbit, claim, workspace):
    answer(desk, claim, desk.reviewer, grant=False)
    orbit.refresh_from_db()
    assert (orbit.workspace_id, orbit.team.count(), NameClaim.objects.get().state) == (workspace.pk, 1, "refused")


def test_the_database_moves_no_name_without_two_people(orbit, claim, desk, other_workspace):
    with pytest.raises(DatabaseError, match="for good"), transaction.atomic():
        Publisher.objects.filter(pk=orbit.pk).update(workspace=other_workspace)
    alone = {"state": "granted", "decided_by": desk.reviewer, "decided_at": timezone.now(), "reason": "Yes."}
    with pytest.raises(IntegrityError, match="nameclaim_granted_by_two"), transaction.atomic():
        first = {"first_by": desk.reviewer, "first_at": timezone.now(), "first_reason": "Yes."}
        NameClaim.objects.filter(pk=claim.pk).update(**alone, **first)
    answer(desk, claim, desk.reviewer, grant=False)
    with pytest.raises(DatabaseError, match="decided once"), transaction.atomic():
        NameClaim.objects.filter(pk=claim.pk).update(reason="Otherwise.")


def test_a_claim_of_before_moves_no_name_again(desk, orbit, claim, workspace, other_workspace, creator):
    """Meridian to Tidewater and back: the first claim names both sides still, and leads nowhere any more."""
    for person in (desk.reviewer, desk.second):
        answer(desk, claim, person)
    back = ask_for_name(workspace, publisher=Publisher.objects.get(), plea=WHY, actor=creator)
    for person in (desk.reviewer, desk.second):
        answer(desk, back, person)
    assert Publisher.objects.get().workspace == workspace
    with pytest.raises(DatabaseError, match="for good"), transaction.atomic():
        Publisher.objects.filter(pk=orbit.pk).update(workspace=other_workspace)


def test_of_two_who_ask_one_gets_the_name_and_the_other_claim_is_over(desk, orbit, claim, other_workspace):
    person = make_user("Third")
    third = make_workspace("Harbour", {"owner": person})
    with workspace_scope([third.pk]):
        other = ask_for_name(third, publisher=orbit, plea=WHY, actor=person)
    answer(desk, other, desk.reviewer)
    for one in (desk.reviewer, desk.second):
        answer(desk, claim, one)
    with pytest.raises(AlreadyDecided, match="not whose it was"):
        answer(desk, other, desk.second)
    assert Publisher.objects.get(pk=orbit.pk).workspace_id == other_workspace.pk
    granted = {"state": "granted", "decided_by": desk.second, "decided_at": timezone.now(), "reason": "Yes."}
    with pytest.raises(DatabaseError, match="not on who has the name"), transaction.atomic():
        NameClaim.objects.filter(pk=other.pk).update(**granted)
    answer(desk, other, desk.second, grant=False)


def test_a_demand_of_signatures_ends_for_what_comes_and_holds_for_what_was_published_under_it(
    desk, orbit, claim, creator, other_workspace, stranger
):
    keys.demand_signatures(orbit, since=timezone.now().date(), actor=creator)
    unsigned = publish(connector(version="1.0.1", summary="Odd."), publisher=Publisher.objects.get())
    for person in (desk.reviewer, desk.second):
        answer(desk, claim, person)
    row = Publisher.objects.get()
    assert row.signs_from is None
    unsigned.extension.refresh_from_db()
    with pytest.raises(NotVouched, match="no signature of Orbit Works"):
        verify(unsigned)
    with workspace_scope([other_workspace.pk]):
        following = publish(connector(version="1.0.2", summary="Fine."), publisher=row)
        verify(following)
        fields = AuditDetail.objects.get(event_id=AuditEvent.objects.get(action="publisher.handed_over").pk).fields
        assert fields["data.signed_since"]


def test_who_may_ask_and_who_may_answer(desk, orbit, claim, workspace, other_workspace, stranger, admin, creator):
    with pytest.raises(NotGranted):
        answer_claim(claim, grant=True, reason="Mine.", actor=creator)
    with workspace_scope([other_workspace.pk]), pytest.raises(AlreadyClaimed):
        ask_for_name(other_workspace, publisher=orbit, plea=WHY, actor=stranger)
    with pytest.raises(NotClaimable):
        ask_for_name(workspace, publisher=orbit, plea=WHY, actor=creator)
    with pytest.raises(NotClaimable):
        ask_for_name(workspace, publisher=publisher_named("Galaxy"), plea=WHY, actor=creator)


def test_the_pages_lead_from_a_taken_name_to_the_desks_answer(
    desk, orbit, other_workspace, stranger, workspace, creator, client_of
):
    theirs, slug = client_of(stranger), other_workspace.slug
    refused = theirs.post(reverse("registry:publisher-list", args=[slug]), {"name": "0rbit Works"}).content.decode()
    ask = reverse("registry:name-claim-create", args=[slug])
    assert f'href="{ask}?name=0rbit%20Works"' in refused
    assert theirs.post(ask, {"name": "Free and Fair", "plea": WHY}).status_code == 422
    assert theirs.post(ask, {"name": "0rbit Works", "plea": WHY}).status_code == 302
    claim = NameClaim.objects.get()
    page = reverse("registry:name-claim-detail", args=[desk.workspace.slug, claim.pk])
    of_meridian = reverse("registry:name-claim-detail", args=[workspace.slug, claim.pk])
    assert client_of(creator).get(of_meridian).status_code == 404
    for person, said in ((desk.reviewer, "Waits for a second yes"), (desk.second, "Given over")):
        answered = client_of(person).post(page, {"answer": "grant", "reason": "The register says so."}, follow=True)
        assert said in answered.content.decode()
    with scope_with(other_workspace.pk):
        assert Publisher.objects.get(pk=orbit.pk).workspace == other_workspace
    mine = theirs.get(reverse("registry:publisher-list", args=[slug])).content.decode()
    assert ">Orbit Works</a>" in mine
