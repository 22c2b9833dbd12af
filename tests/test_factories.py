"""Rows that are made many at once are those that the services make one by one."""

from allauth.account.models import EmailAddress
from django.forms.models import model_to_dict

from galaxy.core.members import add_member
from galaxy.core.models import AuditDetail, AuditEvent, HistoryRow, Membership
from galaxy.core.permissions import can
from tests.factories import PASSWORD, make_members, make_people, make_user

OF_ITS_OWN = {"id", "user", "email", "name", "password", "joined_at"}


def test_people_made_at_once_are_as_those_made_one_by_one(db):
    alone = make_user("Ada")
    first, second = make_people("Ada", "Grace")
    assert (first.email, second.email) == tuple(_following(alone.email, step) for step in (1, 2))
    assert (first.name, second.name) == (_following(alone.name, 1), _following(alone.name, 2).replace("Ada", "Grace"))
    for one in (first, second):
        one.refresh_from_db()
        assert one.check_password(PASSWORD)
        assert _shared(one) == _shared(alone)
        addresses = [EmailAddress.objects.get(user=person) for person in (one, alone)]
        assert addresses[0].email == one.email
        assert _shared(addresses[0]) == _shared(addresses[1])


def test_members_made_at_once_are_as_those_added_one_by_one(cast, workspace):
    ada, grace = make_people("Ada", "Grace")
    add_member(workspace, user=ada, role="creator", actor=cast["owner"])
    make_members(workspace, {"creator": grace}, actor=cast["owner"])
    alone, together = (Membership.objects.get(user=person) for person in (ada, grace))
    assert _shared(together) == _shared(alone)
    assert list(grace.groups.all()) == list(ada.groups.all()) != []
    assert can(grace, "core.write_extension", workspace)
    assert _event(together) == _event(alone)
    history = HistoryRow.objects.filter(kind="core_membership", row_id__in=[str(alone.pk), str(together.pk)])
    assert history.count() == 2


def _event(membership):
    """What the trail says of one who came, but for who it is and when."""
    event = AuditEvent.objects.get(target_id=str(membership.pk))
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    its_own = {"occurred_at", "target.id", "target.label", "after.user"}
    return event.action, {name: value for name, value in fields.items() if name not in its_own}, set(fields)


def _shared(row):
    return {name: value for name, value in model_to_dict(row).items() if name not in OF_ITS_OWN}


def _following(text, step):
    """``text`` with the number in it raised by ``step``."""
    number = "".join(filter(str.isdigit, text))
    return text.replace(number, str(int(number) + step))
