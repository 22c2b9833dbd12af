"""The demo has advice from the start."""

from io import StringIO

import pytest
from django.core.management import call_command

from galaxy.core.members import scope_of
from galaxy.core.models import User
from marketplace.assistant.models import Advice


@pytest.mark.django_db
def test_the_demo_is_advised_once():
    for command in ("load_catalog", "seed_demo", "seed_agents", "seed_approvals", "seed_updates"):
        call_command(command, stdout=StringIO())
    said = [StringIO(), StringIO()]
    for out in said:
        call_command("seed_advice", stdout=out)
    admin = User.objects.get(email="admin@demo.example")
    with scope_of(admin):
        told = set(Advice.objects.values_list("rule", flat=True))
        assert said[0].getvalue() == f"Demo advice ready, {Advice.objects.count()} new.\n"
    assert {"update_available", "unmet_scope"} <= told
    assert said[1].getvalue() == "Demo advice ready, 0 new.\n"
