"""What happens between a form and its answer, or while something waits: yanked, removed, demoted, moved."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.members.people import change_role
from galaxy.core.models import Membership, RoleGroup
from galaxy.core.scope import scope_with
from registry.errors import NotInstallable
from registry.models import Hold, Installation, Pin, ScheduledMove, UpdateSettings
from registry.services import install, move_pin, resolve, uninstall
from registry.services.retiring import yank
from registry.updates.rollouts import Course, advance_rollout, finish_rollout, resume_rollout, start_rollout
from registry.updates.scheduling import make_due_moves, schedule_move
from sandbox.rollouts import tend_rollouts

WHY = "It loses records."


def pinned(held) -> str:
    return Pin.objects.select_related("version").get(installation=held).version.number


def test_what_is_yanked_while_it_rolls_out_is_pinned_by_nobody(desk, workspace, held, new, admin):
    rollout = start_rollout(held, version=new, actor=admin, course=Course(stages=((50, 24), (100, 24)), least_calls=20))
    with scope_with(desk.workspace.pk):
        yank(new, reason=WHY, actor=desk.reviewer)
    taken = {resolve(workspace, "acme.create_thing", key=str(at)).version.number for at in range(20)}
    assert taken == {"1.2.0"}
    for hurry in (lambda: finish_rollout(rollout, by=admin), lambda: move_pin(held, version=new, actor=admin)):
        with pytest.raises(NotInstallable):
            hurry()
        assert pinned(held) == "1.2.0"
    advance_rollout(rollout, by=admin)  # a bigger share of nothing
    assert resolve(workspace, "acme.create_thing", key="a").version.number == "1.2.0"
    assert tend_rollouts() == 1
    rollout.refresh_from_db()
    assert (rollout.state, rollout.why) == ("stopped", "1.3.0 is yanked.")
    resume_rollout(rollout, by=admin)  # by somebody who did not read why
    assert resolve(workspace, "acme.create_thing", key="a").version.number == "1.2.0"
    assert tend_rollouts() == 1 and pinned(held) == "1.2.0"


def test_a_planned_move_ends_with_its_installation_and_comes_back_for_none(workspace, held, new, admin):
    move = schedule_move(held, version=new, at=timezone.now() + timedelta(hours=1), actor=admin)
    uninstall(held, actor=admin, confirmed="Acme")
    move.refresh_from_db()
    assert (move.state, move.why) == ("cancelled", "Acme was removed.")
    again = install(workspace, held.extension, version=held.extension.versions.get(number="1.2.0"), actor=admin)
    assert make_due_moves(timezone.now() + timedelta(hours=2)) == 0
    assert pinned(again) == "1.2.0"


def test_a_planned_move_of_who_is_no_member_any_more_moves_nothing(held, new, admin, workspace):
    schedule_move(held, version=new, at=timezone.now() + timedelta(hours=1), actor=admin)
    Membership.objects.filter(workspace=workspace, user=admin).delete()
    assert make_due_moves(timezone.now() + timedelta(hours=2)) == 0
    assert ScheduledMove.objects.get().state == "failed" and pinned(held) == "1.2.0"


LOSSES = ["pin-change", "rollback", "installation-removal", "hold-create", "move-schedule", "update-settings"]


@pytest.mark.parametrize("name", LOSSES)
def test_who_loses_their_role_between_a_form_and_its_answer_changes_nothing(
    name, client_of, workspace, held, old, new, admin, owner
):
    if name == "rollback":
        move_pin(held, version=new, actor=admin)
    goal, before = (old if name == "rollback" else new), pinned(held)
    client, url = client_of(admin), reverse(f"registry:{name}", args=[workspace.slug, held.pk])
    if name != "hold-create":
        assert client.get(url, {"to": goal.digest}).status_code == 200
    row = Membership.objects.get(workspace=workspace, user=admin)
    change_role(row, to=RoleGroup.objects.get(workspace=workspace, role="member"), actor=owner)
    at = timezone.now() + timedelta(days=1)
    sent = {
        "to": goal.digest,
        "reason": WHY,
        "name": "Acme",
        "policy": "latest",
        "at": f"{at:%Y-%m-%dT%H:%M}",
        "zone": "UTC",
    }
    assert client.post(url, sent).status_code in (302, 403, 404)
    assert pinned(held) == before and Installation.objects.active().filter(pk=held.pk).exists()
    for model in (Hold, ScheduledMove, UpdateSettings):
        assert not model.objects.exists(), model
