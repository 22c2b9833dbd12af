"""The demo's desk has something to review, and it is made once."""

from io import StringIO

import pytest
from django.core.management import call_command

from galaxy.core.members import scope_of
from galaxy.core.models import User
from marketplace.submissions.models import Submission


@pytest.mark.django_db
def test_the_demo_has_submissions_to_review_and_makes_them_once():
    for command in ("seed_demo", "seed_submissions"):
        call_command(command, stdout=StringIO())
    out = StringIO()
    call_command("seed_submissions", stdout=out)
    assert out.getvalue() == "Demo submissions ready, 0 of them new.\n"
    with scope_of(User.objects.get(email="reviewer@demo.example")):
        states = sorted(Submission.objects.values_list("state", flat=True))
    assert states == ["changes_requested", "submitted", "submitted"]
