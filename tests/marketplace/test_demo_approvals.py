"""The demo workspace's queue: mixed kinds, a stack with an odd one, and something that was decided."""

from io import StringIO

import pytest
from django.core.management import call_command

from galaxy.core.members import scope_of
from galaxy.core.models import User, Workspace
from policies.models import Approval
from policies.queue import queue_of


@pytest.mark.django_db
def test_the_demo_has_a_queue_to_work_and_makes_it_once():
    for command in ("load_catalog", "seed_demo", "seed_approvals"):
        call_command(command, stdout=StringIO())
    out = StringIO()
    call_command("seed_approvals", stdout=out)
    assert out.getvalue() == "Demo approvals ready, 0 of them new.\n"
    approver = User.objects.get(email="approver@demo.example")
    with scope_of(approver):
        queue = queue_of(approver, Workspace.objects.get(slug="meridian"), {})
        counts = [head.count for head in queue.heads]
        odd = [head.odd for head in queue.heads if head.is_stack]
        kinds = {head.row.approval.subject_kind for head in queue.heads}
        decided = Approval.objects.get(status="rejected").votes.get()
    assert sorted(counts) == [1, 1, 1, 1, 6] and kinds == {"run", "install"}
    assert len(odd) == 1 and len(odd[0]) == 1 and "90" in odd[0][0]
    assert decided.reason.startswith("Wrong target")
