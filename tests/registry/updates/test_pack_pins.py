"""A pack may call a version of its own: exact, by digest, whatever everybody else calls."""

import pytest
from django.db import IntegrityError, transaction

from galaxy.core.models import AuditEvent, HistoryRow
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from registry.errors import AlreadyRemoved, Altered, ConsentNeeded, NotInstallable, RequirementsMissing
from registry.models import PackPin
from registry.services import install, missing_requirements, move_pin, resolve, uninstall
from registry.updates import plan
from registry.updates.pack_pins import NotRequired, pin_for_pack, unpin_for_pack
from registry.updates.rules import set_defaults
from tests.registry.samples import action, connector, pack, publish, transform

WHY = "It is tried out there first."


@pytest.fixture
def caller(workspace, admin, held):
    version = publish(pack(wanted="~1.2"))
    return install(workspace, version.extension, version=version, actor=admin)


def digest_for(workspace, **more) -> str:
    return resolve(workspace, "acme.create_thing", **more).version.digest


def test_the_pack_takes_its_own_and_others_the_pin_in_one_statement(
    workspace, held, caller, old, new, admin, django_assert_num_queries
):
    """F79."""
    pin_for_pack(held, pack=caller, version=old, actor=admin, reason=WHY)
    move_pin(held, version=new, actor=admin)
    assert digest_for(workspace, pack=caller.pk, key="run") == old.digest
    with django_assert_num_queries(1):
        assert digest_for(workspace, pack=held.pk, key="run") == new.digest
    with django_assert_num_queries(1):
        assert digest_for(workspace, pack=caller.pk) == old.digest
    with django_assert_num_queries(1):
        assert digest_for(workspace) == new.digest


def test_a_pack_with_a_pin_of_its_own_stands_in_nobodys_way(workspace, held, caller, old, new, admin):
    set_defaults(workspace, actor=admin, values={"policy": "minor"})
    assert plan(held).told.state == "hindered"
    pin_for_pack(held, pack=caller, version=old, actor=admin, reason=WHY)
    assert plan(held).told.state == "waiting"
    move_pin(held, version=new, actor=admin)
    manifest = caller.pin.version.parsed
    assert missing_requirements(workspace, manifest) == [("acme", "~1.2")]
    assert missing_requirements(workspace, manifest, pack=caller) == []


def test_it_is_held_to_the_range_of_the_pack_and_to_what_was_agreed(workspace, held, caller, old, new, admin, member):
    with pytest.raises(RequirementsMissing, match=r"~1\.2"):
        pin_for_pack(held, pack=caller, version=new, actor=admin, reason=WHY)
    wide = publish(connector("acme", "1.4.0", action() + action(id="drop", scope="things.delete", method="DELETE")))
    taking = publish(pack("any.keep"))
    willing = install(workspace, taking.extension, version=taking, actor=admin)
    with pytest.raises(ConsentNeeded, match=r"things\.delete"):
        pin_for_pack(held, pack=willing, version=wide, actor=admin, reason=WHY)
    with pytest.raises(NotInstallable):
        pin_for_pack(held, pack=caller, version=publish(transform()), actor=admin, reason=WHY)
    with pytest.raises(NotGranted):
        pin_for_pack(held, pack=caller, version=old, actor=member, reason=WHY)
    tidy = publish(transform("things.tidy"))
    other = install(workspace, tidy.extension, version=tidy, actor=admin)
    with pytest.raises(NotRequired):
        pin_for_pack(held, pack=other, version=old, actor=admin, reason=WHY)


def test_it_keeps_what_was_agreed_to_for_it(held, caller, workspace, admin, old):
    bare = publish(connector("acme", "2.0.0", action(scope="things.read", method="GET")))
    pin_for_pack(held, pack=caller, version=old, actor=admin, reason=WHY)
    move_pin(held, version=bare, actor=admin, agrees=True)
    held.refresh_from_db()
    assert held.scopes == ["things.read", "things.write"]


def test_it_is_set_once_for_each_pack_told_and_kept_as_history(held, caller, old, admin):
    fix = publish(connector("acme", "1.2.1"))
    first = pin_for_pack(held, pack=caller, version=old, actor=admin, reason=WHY)
    again = pin_for_pack(held, pack=caller, version=fix, actor=admin, reason="A fix.")
    assert (first.pk, PackPin.objects.count()) == (again.pk, 1)
    assert HistoryRow.objects.filter(kind=PackPin._meta.db_table, row_id=str(first.pk)).exists()
    unpin_for_pack(again, actor=admin)
    with pytest.raises(AlreadyRemoved):
        unpin_for_pack(again, actor=admin)
    told = AuditEvent.objects.filter(action__startswith="pack_pin.").order_by("pk").values_list("action", flat=True)
    assert list(told) == ["pack_pin.set", "pack_pin.set", "pack_pin.cleared"]


def test_it_is_not_taken_back_where_the_pack_would_stop(held, caller, old, new, admin):
    pin = pin_for_pack(held, pack=caller, version=old, actor=admin, reason=WHY)
    move_pin(held, version=new, actor=admin)
    with pytest.raises(RequirementsMissing):
        unpin_for_pack(pin, actor=admin)


def test_it_goes_with_its_pack_and_a_forged_digest_runs_nothing(workspace, held, caller, old, admin):
    pin = pin_for_pack(held, pack=caller, version=old, actor=admin, reason=WHY)
    PackPin.objects.filter(pk=pin.pk).update(digest="0" * 64)
    with pytest.raises(Altered):
        digest_for(workspace, pack=caller.pk)
    uninstall(caller, actor=admin)
    assert not PackPin.objects.exists()


def test_no_other_workspace_sees_it_or_points_at_it(held, caller, old, admin, other_workspace):
    pin = pin_for_pack(held, pack=caller, version=old, actor=admin, reason=WHY)
    with workspace_scope([other_workspace.pk]):
        assert not PackPin.objects.filter(pk=pin.pk).exists()
    with pytest.raises(IntegrityError), transaction.atomic(), workspace_scope([held.workspace_id, other_workspace.pk]):
        PackPin.objects.filter(pk=pin.pk).update(workspace=other_workspace)
        with transaction.get_connection().cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
