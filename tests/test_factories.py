"""Rows that are made many at once are those that the services make one by one."""

from allauth.account.models import EmailAddress
from django.forms.models import model_to_dict

from tests.factories import PASSWORD, make_people, make_user

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


def _shared(row):
    return {name: value for name, value in model_to_dict(row).items() if name not in OF_ITS_OWN}


def _following(text, step):
    """``text`` with the number in it raised by ``step``."""
    number = "".join(filter(str.isdigit, text))
    return text.replace(number, str(int(number) + step))
