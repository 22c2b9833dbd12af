"""The demo goes forward by rules, and has releases that wait; it is made once."""

from io import StringIO

import pytest
from django.core.management import call_command

from galaxy.core.members import scope_of
from galaxy.core.models import User, Workspace
from registry.models import UpdateDefaults
from registry.updates import plans_of
from registry.updates.showing import updatable


@pytest.mark.django_db
def test_the_demo_has_rules_and_releases_that_wait_and_makes_them_once():
    for command in ("load_catalog", "seed_demo", "seed_approvals", "seed_updates"):
        call_command(command, stdout=StringIO())
    out = StringIO()
    call_command("seed_updates", stdout=out)
    assert out.getvalue() == "Demo updates ready, 0 releases new.\n"
    admin = User.objects.get(email="admin@demo.example")
    with scope_of(admin):
        workspace = Workspace.objects.get(slug="meridian")
        assert UpdateDefaults.objects.get().policy == "minor"
        plans = plans_of(list(updatable(admin, workspace))).values()
        told = {one.installation.extension.slug: one.told.state for one in plans}
    assert told == {"gmail": "beyond", "hubspot": "waiting", "notion": "waiting"}
